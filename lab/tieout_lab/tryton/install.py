"""Makes the template: an empty Tryton database with its modules activated and the group seeded.

That takes a quarter of a minute, so it is done once and kept; a rehearsal starts from a copy. A template is only
good for the Tryton release, the modules, the fiscal year and the seed it was made with, so these make its name.
"""

import fcntl
import os
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from hashlib import sha256
from pathlib import Path

from tieout.kernel.errors import ConfigError
from tieout_lab.tryton import seed

DATABASE = "group"
USER = "admin"
#: The rehearsal's own, and nobody else's: the server listens on this machine only.
PASSWORD = "northwind-rehearsal"

_VERSION = "import trytond; print(trytond.__version__)"
_SECONDS_MAX = 300


def trytond_version(python: Path) -> str:
    """The release in that environment. Raises ``ConfigError`` when there is none."""
    try:
        answer = subprocess.run([python, "-c", _VERSION], capture_output=True, text=True, check=True, timeout=60)
    except (OSError, subprocess.CalledProcessError) as error:
        raise ConfigError(f"{python} has no trytond; `make demo` and `make test` set it up in .venv-tryton") from error
    return answer.stdout.strip()


def template_name(version: str, year: int) -> str:
    """A name that changes whenever a template would come out differently."""
    recipe = sha256(Path(seed.__file__).read_bytes() + Path(__file__).read_bytes()).hexdigest()
    return f"tryton-{version}-{year}-{recipe[:12]}.sqlite"


def write_config(folder: Path, session_timeout_seconds: int = 300) -> Path:
    """Tryton's own configuration file: the database lies in the same folder."""
    path = folder / "trytond.conf"
    path.write_text(
        f"[database]\nuri = sqlite://\npath = {folder}\n\n[session]\ntimeout = {session_timeout_seconds}\n",
        encoding="utf-8",
    )
    return path


def create_database(python: Path, folder: Path, on_progress: seed.Progress) -> None:
    """An empty database with the modules activated. Tryton wants the empty file to be there already."""
    on_progress(f"creating the database and activating {len(seed.MODULES)} modules")
    (folder / f"{DATABASE}.sqlite").touch()
    secret = folder / ".secret"
    secret.touch(mode=0o600)
    secret.write_text(PASSWORD, encoding="utf-8")
    command: list[str | Path] = [
        python,
        "-m",
        "trytond.cli.admin",
        "--config",
        write_config(folder),
        "--database",
        DATABASE,
    ]
    command += ["--activate-dependencies", "--email", "admin@northwind.example", "--password"]
    command += ["--update", *seed.MODULES]
    try:
        subprocess.run(
            command,
            env=os.environ | {"TRYTONPASSFILE": str(secret)},
            capture_output=True,
            text=True,
            check=True,
            timeout=_SECONDS_MAX,
        )
    except subprocess.CalledProcessError as error:
        raise ConfigError(f"Tryton could not create its database: {error.stderr[-1000:]}") from error
    finally:
        secret.unlink()


def copy_database(source: Path, target: Path) -> None:
    """A consistent copy in one file. (Copying the file of a database in WAL mode gives a stale mix.)"""
    with closing(sqlite3.connect(source)) as connection:
        connection.execute("VACUUM INTO ?", (str(target),))


def ensure_template(
    python: Path,
    cache: Path,
    year: int,
    fill: Callable[[Path], None],
    on_progress: seed.Progress,
) -> Path:
    """The template in the cache folder, made first if need be. ``fill`` seeds the database in a folder.

    Several processes may ask at once; one makes it and the others wait.
    """
    cache.mkdir(parents=True, exist_ok=True)
    template = cache / template_name(trytond_version(python), year)
    with _locked(cache / "making.lock"):
        if template.exists():
            return template
        with tempfile.TemporaryDirectory(prefix="making-", dir=cache) as work:
            folder = Path(work)
            create_database(python, folder, on_progress)
            fill(folder)
            finished = folder / "finished.sqlite"
            copy_database(folder / f"{DATABASE}.sqlite", finished)
            for outdated in cache.glob("tryton-*.sqlite"):
                outdated.unlink()
            shutil.move(finished, template)
    return template


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
