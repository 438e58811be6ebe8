"""Archives, gzip, mail and signed files: what is in them, and every trick we know, each refused with its reason."""

import base64
import gzip
import hashlib
import io
import time
import tracemalloc
import zipfile
import zlib
from datetime import datetime
from email.message import EmailMessage
from functools import cache

import pytest
from asn1crypto import cms
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from tieout.formats.containers import Contents, kind_of, unpack
from tieout.formats.containers.contents import Part, plain_name
from tieout.formats.format import Head
from tieout.formats.reading import Context, Limits
from tieout.formats.source import Bytes
from tieout.kernel.problem import Code

XML = b"<invoice>" + b"<line/>" * 50 + b"</invoice>"


UNLIMITED = Limits()


def opened(body: bytes, limits: Limits = UNLIMITED) -> Contents:
    return unpack(Bytes(body), Context(limits=limits))


def bodies(contents: Contents) -> dict[str, bytes]:
    assert contents.complete, contents.diagnostics
    return {part.name: part.source.whole() for part in contents.parts}


def reason(contents: Contents) -> str:
    """Why a container was refused, as people read it."""
    assert not contents.complete
    assert contents.parts == ()
    assert contents.diagnostics
    assert all(problem.where or problem.detail or problem.limit for problem in contents.diagnostics)
    return "; ".join(str(problem) for problem in contents.diagnostics)


def archive(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as file:
        for name, body in members.items():
            file.writestr(name, body)
    return out.getvalue()


def patched(body: bytes, at: int, new: bytes) -> bytes:
    return body[:at] + new + body[at + len(new) :]


# ── ZIP ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_the_members_of_an_archive(method: int) -> None:
    contents = opened(archive({"may/a.xml": XML, "b.csv": b"", "folder/": b"", "ü.txt": b"u"}, method))
    assert contents.kind == "zip"
    assert bodies(contents) == {"may/a.xml": XML, "b.csv": b"", "ü.txt": b"u"}


def test_a_member_is_evidence_by_itself_and_stays_packed() -> None:
    (part,) = opened(archive({"a.xml": XML})).parts
    assert part.source.mark == hashlib.sha256(XML).hexdigest()
    assert part.source.size == len(XML)
    assert b"".join(part.source.chunks()) == b"".join(part.source.chunks()) == XML


def test_bundles_within_bundles() -> None:
    inner = archive({"in.xml": XML, "deep.gz": gzip.compress(b"deep")})
    assert bodies(opened(archive({"in.zip": inner, "a.gz": gzip.compress(b"a")}))) == {
        "in.zip/in.xml": XML,
        "in.zip/deep.gz/content": b"deep",
        "a.gz/content": b"a",
    }


def test_what_systems_leave_in_archives_is_no_document() -> None:
    contents = opened(archive({"a.xml": XML, "__MACOSX/._a.xml": b"x", "may/.DS_Store": b"x"}))
    assert list(bodies(contents)) == ["a.xml"]
    assert [problem.code for problem in contents.diagnostics] == [Code.UNSUPPORTED_CONTENT] * 2


def test_streamed_archives_have_descriptors_behind_their_members() -> None:
    class Pipe(io.RawIOBase):
        """A stream that cannot go back, such as a network connection."""

        def __init__(self) -> None:
            self.body = b""

        def writable(self) -> bool:
            return True

        def write(self, piece: bytes) -> int:  # type: ignore[override]
            self.body += bytes(piece)
            return len(piece)

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a.xml", XML)
        file.writestr("b.xml", XML)
    assert bodies(opened(pipe.body)) == {"a.xml": XML, "b.xml": XML}


def test_an_archive_in_zip64() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file, file.open("a.xml", "w", force_zip64=True) as member:
        member.write(XML)
    assert bodies(opened(out.getvalue())) == {"a.xml": XML}


def test_an_empty_archive_has_no_documents() -> None:
    assert opened(archive({})) == Contents("zip")


@pytest.mark.parametrize(
    "name", ["../a.xml", "/etc/passwd", "a/../../b", "C:\\a.xml", "a\\..\\..\\b", "a//b", "\x01", "."]
)
def test_names_that_leave_their_folder(name: str) -> None:
    assert "a name that leaves its folder" in reason(opened(archive({name: XML})))


def test_two_members_of_one_name() -> None:
    body = archive({"a.xml": XML, "b.xml": XML}).replace(b"b.xml", b"A.xml")
    assert "two members have this name" in reason(opened(body))


def test_a_bomb_by_ratio() -> None:
    assert "a bomb: it swells beyond reason" in reason(opened(archive({"a.xml": b"\0" * 50_000_000})))


def test_a_bomb_by_total() -> None:
    body = archive({f"{number}.xml": (b"%d" % number) * 400_000 for number in range(10)}, zipfile.ZIP_STORED)
    limits = Limits(bytes_max=len(body) + 1)
    assert len(bodies(opened(body, limits))) == 10
    packed = archive({f"{number}.xml": XML * 200 for number in range(20)})
    assert "a bomb: what is packed is too large" in reason(opened(packed, Limits(bytes_max=len(packed) * 10)))


def test_a_bomb_in_layers() -> None:
    body = archive({"a.xml": XML})
    for _ in range(5):
        body = archive({"in.zip": body})
    assert "containers in containers in containers" in reason(opened(body))


def test_a_bomb_whose_members_overlap() -> None:
    """The directory names one kernel of data again and again (Fifield 2019): 46 MB that become petabytes."""
    body = archive({"a.xml": XML * 100, "b.xml": XML * 100})
    second = body.rindex(b"PK\x01\x02")
    assert "members overlap" in reason(opened(patched(body, second + 42, b"\0\0\0\0")))
    same = body.replace(b"b.xml", b"a.xml")
    assert "two members have this name" in reason(opened(patched(same, second + 42, b"\0\0\0\0")))


def test_too_many_members() -> None:
    assert "limit 1000 members" in reason(opened(archive({str(number): b"" for number in range(1_001)})))


def test_a_bomb_that_lies_about_its_size() -> None:
    body = archive({"a.xml": b"\0" * 5_000_000})
    entry = body.rindex(b"PK\x01\x02")
    small = patched(patched(body, entry + 24, b"\x64\0\0\0"), 22, b"\x64\0\0\0")
    started = time.perf_counter()
    assert "a bomb" in reason(opened(small))
    assert time.perf_counter() - started < 1


def test_an_encrypted_member() -> None:
    body = archive({"a.xml": XML})
    entry = body.rindex(b"PK\x01\x02")
    assert "needs a password" in reason(opened(patched(patched(body, entry + 8, b"\1"), 6, b"\1")))


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_ways_of_packing(method: int) -> None:
    assert "packed in a way we do not open" in reason(opened(archive({"a.xml": XML}, method)))


def test_a_link_to_a_file() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        link = zipfile.ZipInfo("a.xml")
        link.create_system, link.external_attr = 3, 0o120777 << 16
        file.writestr(link, "/etc/passwd")
    assert "a link to a file" in reason(opened(out.getvalue()))


def test_bytes_that_belong_to_nobody() -> None:
    body = archive({"a.xml": XML, "b.xml": XML})
    assert "beyond the end" in reason(opened(body + b"x"))
    assert "beyond the end" in reason(opened(body + archive({"c.xml": XML})[:40]))
    both = archive({"a.xml": XML}) + archive({"b.xml": XML})
    assert "not where the end says" in reason(opened(both))
    commented = body[:-2] + b"\x05\0hello"
    assert len(bodies(opened(commented))) == 2
    assert "cut off" in reason(opened(body[:-2] + b"\x09\0hello"))


def test_hidden_bytes_between_members() -> None:
    body = archive({"a.xml": XML, "b.xml": XML}, zipfile.ZIP_STORED)
    second = body.index(b"PK\x03\x04", 4)
    directory = body.index(b"PK\x01\x02")
    wide = bytearray(body[:second] + b"hidden" + body[second:])
    entry = bytes(wide).rindex(b"PK\x01\x02")
    wide[entry + 42 : entry + 46] = (second + 6).to_bytes(4, "little")
    wide[-6:-2] = (directory + 6).to_bytes(4, "little")
    assert "6 bytes that belong to no member" in reason(opened(bytes(wide)))


@pytest.mark.parametrize(
    ("at", "what"),
    [(8, b"\x08"), (14, b"\1\2\3\4"), (18, b"\1"), (22, b"\1"), (26, b"\4"), (30, b"x")],
    ids=["method", "checksum", "packed size", "size", "name length", "name"],
)
def test_a_header_that_says_something_else_than_the_directory(at: int, what: bytes) -> None:
    body = archive({"a.xml": XML}, zipfile.ZIP_STORED)
    assert "disagree" in reason(opened(patched(body, at, what)))


def test_zip64_lies() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file, file.open("a.xml", "w", force_zip64=True) as member:
        member.write(XML)
    body = out.getvalue()
    entry = body.rindex(b"PK\x01\x02")
    assert "ZIP64 numbers of an entry are missing" in reason(opened(patched(body, entry + 42, b"\xff\xff\xff\xff")))
    end = body.rindex(b"PK\x05\x06")
    locator = b"PK\x06\x07" + bytes(4) + (10**9).to_bytes(8, "little") + b"\1\0\0\0"
    assert "not where its locator says" in reason(opened(body[:end] + locator + body[end:]))
    start = int.from_bytes(body[end + 16 : end + 20], "little")
    numbers = (1, 1, end - start, start)
    record = b"PK\x06\x06" + (44).to_bytes(8, "little") + bytes(12) + b"".join(n.to_bytes(8, "little") for n in numbers)
    locator = b"PK\x06\x07" + bytes(4) + end.to_bytes(8, "little") + b"\1\0\0\0"
    assert bodies(opened(body[:end] + record + locator + body[end:])) == {"a.xml": XML}
    lie = record[:32] + (2).to_bytes(8, "little") * 0 + record[32:40] + (1).to_bytes(8, "little") + record[48:]
    assert "the ZIP64 record and the short one disagree" in reason(opened(body[:end] + lie + locator + body[end:]))


def test_damaged_data() -> None:
    body = archive({"a.xml": XML})
    data = 30 + len("a.xml")
    assert reason(opened(patched(body, data + 4, b"\xff\xff\xff\xff")))
    stored = archive({"a.xml": XML}, zipfile.ZIP_STORED)
    assert "the checksum the directory declares" in reason(opened(patched(stored, data + 4, b"?")))
    assert "cut off" in reason(opened(body[:-30]))


def test_every_cut_and_every_changed_byte_is_survived() -> None:
    body = archive({"a.xml": XML, "b/c.xml": b"c"})
    for at in range(4, len(body)):
        assert not opened(body[:at]).complete, at
        opened(patched(body, at, bytes([body[at] ^ 0xFF])))


names = st.text(st.characters(codec="utf-8", categories=("L", "N")), min_size=1, max_size=12)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(names, st.binary(max_size=300), max_size=6), st.sampled_from([0, 8]))
def test_what_others_pack_we_unpack(members: dict[str, bytes], method: int) -> None:
    members = {f"{name}.bin": b"\0" + body for name, body in members.items()}
    if len({name.casefold() for name in members}) == len(members) and all(plain_name(name) for name in members):
        assert bodies(opened(archive(members, method))) == members


# ── gzip ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_gzip_with_its_name_and_streams_that_follow_each_other() -> None:
    out = io.BytesIO()
    with gzip.GzipFile("statement.xml", "wb", fileobj=out) as file:
        file.write(XML)
    assert bodies(opened(out.getvalue())) == {"statement.xml": XML}
    assert bodies(opened(gzip.compress(XML) + gzip.compress(b"tail") + b"\0" * 512)) == {"content": XML + b"tail"}


def test_gzip_names_are_not_paths() -> None:
    body = b"\x1f\x8b\x08\x08" + bytes(6) + b"../../etc/passwd\0" + gzip.compress(XML)[10:]
    assert bodies(opened(body)) == {"content": XML}


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (gzip.compress(b"\0" * 50_000_000), "a bomb"),
        (gzip.compress(XML)[:-4], "ends too early"),
        (gzip.compress(XML) + b"PK\x03\x04", "bytes that are no gzip follow"),
        (gzip.compress(XML)[:-8] + b"\0" * 8, "damaged"),
        (gzip.compress(b"") * 1_001, "too many streams"),
        (b"\x1f\x8b", "ends too early"),
        (b"\x1f\x8b\x08\xff" + bytes(40), "damaged"),
    ],
    ids=["bomb", "cut", "trailer", "checksum", "streams", "two bytes", "header"],
)
def test_gzip_tricks(body: bytes, why: str) -> None:
    assert why in reason(opened(body))


def test_a_large_gzip_is_opened_in_little_memory() -> None:
    line = b"".join(hashlib.sha256(b"%d" % number).hexdigest().encode() for number in range(500))
    body = gzip.compress(line * 1_000, 1)
    tracemalloc.start()
    (part,) = opened(body).parts
    assert sum(len(piece) for piece in part.source.chunks()) == part.source.size == 32_000_000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4_000_000


# ── mail ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def mail(*attachments: tuple[str, str, bytes]) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@supplier.example", "ap@acme.example", "Invoice"
    message.set_content("Please find our invoice attached.")
    for name, kind, body in attachments:
        main, _, sub = kind.partition("/")
        message.add_attachment(body, maintype=main, subtype=sub, filename=name)
    return message


def test_attachments_of_a_message() -> None:
    contents = opened(mail(("Rechnung März.xml", "application/xml", XML), ("a.csv", "text/csv", b"a,b")).as_bytes())
    assert contents.kind == "eml"
    assert bodies(contents) == {"Rechnung März.xml": XML, "a.csv": b"a,b"}
    assert contents.parts[0].media_type == "application/xml"


def test_an_archive_in_a_forwarded_message_and_certified_mail() -> None:
    inner = mail(("a.zip", "application/zip", archive({"a.xml": XML})))
    outer = mail(
        ("daticert.xml", "application/xml", b"<postacert/>"), ("smime.p7s", "application/pkcs7-signature", b"0")
    )
    outer.add_attachment(inner)
    contents = opened(outer.as_bytes())
    assert bodies(contents) == {"a.zip/a.xml": XML}
    assert [problem.actual for problem in contents.diagnostics] == ["daticert.xml", "smime.p7s"]


def test_a_message_that_is_nothing_but_a_document() -> None:
    message = EmailMessage()
    message["From"], message["Subject"] = "a@supplier.example", "x"
    message.set_content(XML, maintype="application", subtype="xml")
    assert bodies(opened(message.as_bytes())) == {"attachment": XML}


def test_a_picture_in_the_text_is_no_document() -> None:
    message = mail(("a.xml", "application/xml", XML))
    message.add_attachment(b"GIF89a", maintype="image", subtype="gif", filename="logo.gif", disposition="inline")
    assert list(bodies(opened(message.as_bytes()))) == ["a.xml"]


def nested(levels: int) -> bytes:
    head = b"From: a@b.example\nSubject: x\nMIME-Version: 1.0\n"
    parts = b"".join(b'Content-Type: multipart/mixed; boundary="b%d"\n\n--b%d\n' % (n, n) for n in range(levels))
    return head + parts + b"Content-Type: text/plain\n\nx"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (nested(5_000), "a message in pieces without end"),
        (b"From: a\nSubject: b\n" + b"Content-Type: message/rfc822\n\n" * 5_000, "a message in pieces without end"),
        (nested(3), "was cut off"),
        (mail(("a.xml", "application/xml", XML * 20)).as_bytes()[:-200], "was cut off"),
        (
            mail(("a.xml", "application/xml", XML)).as_bytes().replace(b"base64", b"base66", 1),
            "unknown transfer encoding",
        ),
        (
            mail(("a.bin", "application/x", XML * 9)).as_bytes().replace(b"PGxpbm", b"P!x~", 1),
            "base64 of this part is damaged",
        ),
        (mail(("x" * 9_000, "application/xml", XML)).as_bytes(), "limit 4000 characters"),
        (mail(("b.zip", "application/zip", archive({"a": b"\0" * 9_000_000}))).as_bytes(), "b.zip, a, byte 0"),
    ],
    ids=["multiparts", "messages", "open", "cut", "encoding", "base64", "name", "bomb inside"],
)
def test_mail_tricks(body: bytes, why: str) -> None:
    started = time.perf_counter()
    assert why in reason(opened(body))
    assert time.perf_counter() - started < 2


# ── signed files ───────────────────────────────────────────────────────────────────────────────────────────────────


@cache
def signer(kind: str = "rsa") -> tuple[x509.Certificate, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey]:
    key = rsa.generate_private_key(65537, 2048) if kind == "rsa" else ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Mario Rossi")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(7).not_valid_before(datetime(2024, 1, 1)).not_valid_after(datetime(2094, 1, 1))
    return builder.sign(key, hashes.SHA256()), key


def signed(content: bytes, *options: pkcs7.PKCS7Options, kind: str = "rsa", encoding: str = "DER") -> bytes:
    certificate, key = signer(kind)
    builder = pkcs7.PKCS7SignatureBuilder().set_data(content).add_signer(certificate, key, hashes.SHA256())
    return builder.sign(getattr(serialization.Encoding, encoding), [pkcs7.PKCS7Options.Binary, *options])


def in_pieces(body: bytes, size: int = 100) -> bytes:
    """The same file as programs write it that do not know its length beforehand: BER, content in fragments."""
    info = cms.ContentInfo.load(body)
    content = info["content"]["encap_content_info"]["content"].native
    whole = info["content"]["encap_content_info"].dump()
    parts = b"".join(cms.OctetString(content[start : start + size]).dump() for start in range(0, len(content), size))
    kind = info["content"]["encap_content_info"]["content_type"].dump()
    loose = b"\x30\x80" + kind + b"\xa0\x80" + b"\x24\x80" + parts + b"\0\0" * 3
    at = body.index(whole)
    before, after = (
        info["content"]["version"].dump() + info["content"]["digest_algorithms"].dump(),
        body[at + len(whole) :],
    )
    oid = info["content_type"].dump()
    return b"\x30\x80" + oid + b"\xa0\x80\x30\x80" + before + loose + after + b"\0\0" * 3


@pytest.mark.parametrize("kind", ["rsa", "ec"])
@pytest.mark.parametrize("encoding", ["DER", "PEM"])
@pytest.mark.parametrize("options", [(), (pkcs7.PKCS7Options.NoAttributes,)], ids=["attributes", "plain"])
def test_a_signature_that_holds(kind: str, encoding: str, options: tuple[pkcs7.PKCS7Options, ...]) -> None:
    body = signed(XML, *options, kind=kind, encoding=encoding)
    contents = opened(body)
    assert contents.kind == "p7m"
    assert bodies(contents) == {"content": XML}
    assert contents.parts[0].source.mark == hashlib.sha256(body).hexdigest()
    (note,) = contents.diagnostics
    assert "the signature holds: Common Name: Mario Rossi" in note.detail
    assert "valid from 2024-01-01 to 2094-01-01" in note.detail
    assert "chain of trust and revocation are not judged" in note.detail


def test_signed_files_as_they_really_come() -> None:
    body = signed(XML)
    assert bodies(opened(base64.b64encode(body))) == {"content": XML}
    assert bodies(opened(base64.encodebytes(body))) == {"content": XML}
    assert bodies(opened(in_pieces(body))) == {"content": XML}
    assert bodies(opened(body + b"\r\n")) == {"content": XML}
    assert bodies(opened(in_pieces(signed(XML, kind="ec"), 1))) == {"content": XML}


def test_a_signed_file_signed_again() -> None:
    contents = opened(signed(base64.b64encode(signed(in_pieces(signed(XML))))))
    assert bodies(contents) == {"content": XML}
    assert [problem.where for problem in contents.diagnostics] == [
        "signature",
        "signature 2 layers in",
        "signature 3 layers in",
    ]


def test_a_signature_of_one_that_pads_with_a_salt() -> None:
    certificate, key = signer()
    builder = pkcs7.PKCS7SignatureBuilder().set_data(XML)
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    body = builder.add_signer(certificate, key, hashes.SHA256(), rsa_padding=pss).sign(
        serialization.Encoding.DER, [pkcs7.PKCS7Options.Binary]
    )
    assert bodies(opened(body)) == {"content": XML}


def changed(body: bytes, what: bytes, other: bytes) -> bytes:
    assert body.count(what) >= 1
    assert len(what) == len(other)
    return body.replace(what, other, 1)


def without_certificates(body: bytes) -> bytes:
    info = cms.ContentInfo.load(body)
    info["content"]["certificates"] = cms.CertificateSet([])
    return bytes(info.dump(force=True))


def without_signers(body: bytes) -> bytes:
    info = cms.ContentInfo.load(body)
    info["content"]["signer_infos"] = cms.SignerInfos([])
    return bytes(info.dump(force=True))


def of_kind(dotted: str) -> bytes:
    return bytes(cms.ContentInfo({"content_type": dotted, "content": cms.OctetString(b"x")}).dump())


def enveloped() -> bytes:
    certificate, _ = signer()
    builder = pkcs7.PKCS7EnvelopeBuilder().set_data(XML).add_recipient(certificate)
    return builder.encrypt(serialization.Encoding.DER, [pkcs7.PKCS7Options.Binary])


def digest_of(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


BODY = signed(XML)
SHA_256 = bytes.fromhex("0609608648016503040201")
TRICKS = {
    "content changed": (changed(BODY, b"<line/>", b"<lime/>"), "somebody changed the content"),
    "digest changed": (changed(BODY, digest_of(XML), digest_of(b"")), "somebody changed the content"),
    "content and digest changed": (
        changed(changed(BODY, XML, XML[::-1]), digest_of(XML), digest_of(XML[::-1])),
        "somebody changed the file",
    ),
    "signature changed": (BODY[:-1] + bytes([BODY[-1] ^ 1]), "somebody changed the file"),
    "no certificate": (without_certificates(BODY), "certificate of the signer is not inside"),
    "nobody signed": (without_signers(BODY), "nobody signed it"),
    "detached": (signed(XML, pkcs7.PKCS7Options.DetachedSignature), "a detached signature"),
    "encrypted": (enveloped(), "encrypted for somebody"),
    "plain data": (of_kind("1.2.840.113549.1.7.1"), "plain data without a signature"),
    "cut off": (BODY[:-20], "reaches beyond the end"),
    "cut off in pieces": (in_pieces(BODY)[:-2], "cut off"),
    "bytes behind": (BODY + b"<invoice/>", "bytes follow the end"),
    "length of 2^64": (b"\x30\x88" + b"\xff" * 8 + BODY[4:], "reaches beyond the end"),
    "nested without end": (b"\x30\x80" + BODY[4:15] + b"\xa0\x80" + b"\x30\x80" * 100_000, "nested too deep"),
    "fragments that are none": (in_pieces(BODY).replace(b"\x24\x80\x04", b"\x24\x80\x02", 1), "a fragment"),
    "no base64": (base64.b64encode(BODY)[:-3] + b"!!!", "not base64"),
    "a digest nobody trusts": (BODY.replace(SHA_256, SHA_256[:-1] + b"\x09"), "unknown or no longer trusted"),
}


@pytest.mark.parametrize(("body", "why"), TRICKS.values(), ids=TRICKS)
def test_signature_tricks(body: bytes, why: str) -> None:
    started = time.perf_counter()
    assert why in reason(opened(body))
    assert time.perf_counter() - started < 2


def test_signatures_around_each_other_without_end() -> None:
    body = XML
    for _ in range(5):
        body = signed(body)
    assert "limit 4 signatures" in reason(opened(body))


def test_every_cut_and_every_changed_byte_of_a_signed_file_is_refused_or_harmless() -> None:
    """Whatever is changed: either the file is refused, or what comes out is what was signed."""
    body = in_pieces(BODY)
    for at in range(20, len(body)):
        contents = opened(patched(body, at, bytes([body[at] ^ 0x01])))
        assert not contents.parts or contents.parts[0].source.whole() == XML, at
    for at in range(40, len(body) - 6, 7):
        assert not opened(body[:at]).complete, at


# ── telling them apart ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (archive({"a": b"x"}), "zip"),
        (archive({"[Content_Types].xml": b"<a/>"}), ""),
        (gzip.compress(b"x"), "gzip"),
        (zlib.compress(b"x"), ""),
        (signed(XML), "p7m"),
        (signed(XML, encoding="PEM"), "p7m"),
        (base64.b64encode(signed(XML)), "p7m"),
        (mail().as_bytes(), "eml"),
        (b"\xef\xbb\xbf<Invoice/>", ""),
        (b"%PDF-1.7\n", "pdf"),
        (b"Date: today\nplain text", ""),
        (b"order_id,entity\n1,2", ""),
        (b"-----BEGIN CERTIFICATE-----\n", ""),
        (b"0", ""),
        (b"", ""),
    ],
    # Bytes that are made anew each time are no names: two workers would not find the same tests.
    ids=[
        *("archive", "workbook", "gzip", "zlib", "signed", "signed as text", "signed in base64", "mail"),
        *("XML with a mark", "PDF", "a line like mail", "table", "certificate", "one character", "nothing"),
    ],
)
def test_what_kind_of_container(body: bytes, kind: str) -> None:
    assert kind_of(Head(body, len(body))) == kind


def test_what_is_no_container_has_no_parts() -> None:
    assert opened(XML) == Contents()


def test_a_container_over_the_budget_is_not_looked_at() -> None:
    body = archive({"a.xml": XML})
    assert f"limit {len(body) - 1} bytes" in reason(opened(body, Limits(bytes_max=len(body) - 1)))


def test_a_part_says_where_it_was() -> None:
    (part,) = opened(archive({"may/a.xml": XML})).parts
    assert Part(part.name, part.media_type, part.source) == Part("may/a.xml", "", part.source)
