"""The letters that banks take: the Latin subset of the SEPA rulebooks (EPC217-08), and the larger Swiss one."""

# ruff: noqa: RUF001  (letters that look alike are what this is about)

import re
import unicodedata

_ALLOWED = re.compile(r"[^A-Za-z0-9/\-?:().,'+ ]")
#: Basic Latin, Latin-1, Latin Extended-A, and single signs (Swiss Payment Standards 2025, permitted characters).
_SWISS = re.compile(r"[ -~\u00a1-\u00ac\u00ae-\u017f\u0218-\u021b\u20ac]")


def _pairs(text: str) -> dict[str, str]:
    """``"ß=ss æ=ae"`` as a table."""
    return {pair[0]: pair[2:] for pair in text.split()}


#: What decomposition does not give, after EPC217-08: letters of their own, Greek, Cyrillic, and signs people use.
_LETTERS = str.maketrans(
    _pairs("ß=ss ẞ=SS æ=ae Æ=AE œ=oe Œ=OE ø=o Ø=O đ=d Đ=D ð=d Ð=D þ=th Þ=TH ł=l Ł=L ı=i ħ=h Ħ=H ŋ=ng")
    | _pairs("&=+ @=(at) _=- –=- —=- ‐=- ’=' ‘=' `=' ´=' €=EUR £=GBP $=USD [=( ]=) {=( }=) \\=/ |=/ ;=,")
    | _pairs("α=a β=v γ=g δ=d ε=e ζ=z η=i θ=th ι=i κ=k λ=l μ=m ν=n ξ=x ο=o π=p ρ=r σ=s ς=s τ=t υ=y φ=f χ=ch ψ=ps ω=o")
    | _pairs("Α=A Β=V Γ=G Δ=D Ε=E Ζ=Z Η=I Θ=TH Ι=I Κ=K Λ=L Μ=M Ν=N Ξ=X Ο=O Π=P Ρ=R Σ=S Τ=T Υ=Y Φ=F Χ=CH Ψ=PS Ω=O")
    | _pairs("а=a б=b в=v г=g д=d е=e ж=zh з=z и=i й=y к=k л=l м=m н=n о=o п=p р=r с=s т=t у=u ф=f х=h ц=ts ч=ch")
    | _pairs("ш=sh щ=sht ъ=a ы=y ь=y э=e ю=yu я=ya і=i ї=i є=e")
    | _pairs("А=A Б=B В=V Г=G Д=D Е=E Ж=ZH З=Z И=I Й=Y К=K Л=L М=M Н=N О=O П=P Р=R С=S Т=T У=U Ф=F Х=H Ц=TS Ч=CH")
    | _pairs("Ш=SH Щ=SHT Ъ=A Ы=Y Ь=Y Э=E Ю=YU Я=YA І=I Ї=I Є=E")
)


def latin(text: str, length_max: int) -> str:
    """The text in the letters that every bank takes, cut to size; what has no likeness becomes a full stop."""
    folded = unicodedata.normalize("NFKD", text.translate(_LETTERS)).translate(_LETTERS)
    base = "".join(sign for sign in folded if not unicodedata.combining(sign))
    return " ".join(_ALLOWED.sub(".", " ".join(base.split())).split())[:length_max].strip()


def swiss(text: str, length_max: int) -> str:
    """The text in the letters of the Swiss Payment Standards; others are written as in :func:`latin`."""
    composed = unicodedata.normalize("NFC", text)
    base = "".join(sign if _SWISS.fullmatch(sign) or sign.isspace() else latin(sign, 9) for sign in composed)
    return " ".join(base.split())[:length_max].strip()
