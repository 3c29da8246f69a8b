"""Media types: what a file's first bytes say it is, and the suffix that a type's files get.

The suffixes are the original's (observed 2026.6.0): of several that a type has it takes an odd one (`wiz` for Word), but stored
paths and default file names must be the same in both.
"""

from __future__ import annotations

import re

AUDIO_TYPES = (
    "audio/midi, audio/mpeg, audio/m4a, audio/mp4, audio/ogg, audio/x-flac, audio/x-wav, audio/amr, audio/aac, audio/x-aiff, "
    "audio/x-dsf, audio/x-ape"
)

_KNOWN = {
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/gif": "gif",
    "image/webp": "webp",
    "application/pdf": "pdf",
    "text/plain": "txt",
}
_AUDIO = """
    aac aac; aiff aiff; amr amr; flac flac; m4a m4a; midi mid; mp3 mp3; mp4 m4a; mpeg mp3; ogg ogg; wav wav; wave
    wav; webm webm; x-aac aac; x-aiff aiff; x-ape ape; x-dsf dsf; x-flac flac; x-wav wav
"""
_OTHERS = {
    "application": """
        epub+zip epub; gzip gz; javascript mjs; json json; manifest+json webmanifest; mbox mbox; msword wiz; n-quads
        nq; n-triples nt; octet-stream xtp; oda oda; pkcs7-mime p7m; postscript ps; rtf rtf; trig trig;
        vnd.apache.parquet parquet; vnd.ms-excel xlw; vnd.ms-powerpoint pwz; vnd.oasis.opendocument.spreadsheet ods;
        vnd.oasis.opendocument.text odt; vnd.openxmlformats-officedocument.presentationml.presentation pptx;
        vnd.openxmlformats-officedocument.spreadsheetml.sheet xlsx; vnd.openxmlformats-
        officedocument.wordprocessingml.document docx; wasm wasm; x-7z-compressed 7z; x-bcpio bcpio; x-bzip2 bz2;
        x-cpio cpio; x-csh csh; x-dvi dvi; x-gtar gtar; x-hdf hdf; x-httpd-php php; x-latex latex; x-netcdf nc;
        x-parquet parquet; x-pkcs12 pfx; x-sh sh; x-shar shar; x-shockwave-flash swf; x-sv4cpio sv4cpio; x-sv4crc
        sv4crc; x-tar tar; x-tcl tk; x-tex tex; x-texinfo texinfo; x-troff tr; x-troff-man man; x-troff-me me;
        x-troff-ms ms; x-ustar ustar; x-wais-source src; xml xss; zip zip
    """,
    "font": """
        ttf ttf; woff2 woff2
    """,
    "image": """
        apng apng; avif avif; bmp dib; heic heic; heif heif; ief ief; jxl jxl; pict pict; svg+xml svgz; tiff tiff;
        x-cmu-raster ras; x-icon ico; x-portable-anymap pnm; x-portable-bitmap pbm; x-portable-graymap pgm;
        x-portable-pixmap ppm; x-rgb rgb; x-xbitmap xbm; x-xpixmap xpm; x-xwindowdump xwd; png pnz
    """,
    "message": """
        rfc822 nws
    """,
    "model": """
        gltf-binary glb
    """,
    "text": """
        calendar ifb; css css; csv csv; html shtml; javascript jsx; markdown md; n3 n3; richtext rtx; tab-separated-values tsv;
        vtt vtt; x-c dic; x-markdown mkd; x-setext etx; x-vcard vcf; xml xslt; plain xoml
    """,
    "video": """
        3gpp 3gpp; mp4 mpg4; mpeg vbk; ogg ogv; quicktime qt; webm webm; x-flv flv; x-matroska mkv; x-ms-wmv wmv;
        x-msvideo avi; x-sgi-movie movie
    """,
    "audio": """
        basic snd; x-mpegurl m3u8; x-pn-realaudio ram
    """,
}


def _pairs(text: str) -> dict[str, str]:
    joined = re.sub(r"-\s*\n\s*", "-", text)  # a name that the end of its line cut in two
    return dict(tuple(pair.split()) for pair in joined.split(";"))  # type: ignore[reportArgumentType]


_FORMATS = _pairs(_AUDIO)
_SUFFIXES = {f"{top}/{sub}": suffix for top, text in _OTHERS.items() for sub, suffix in _pairs(text).items()}

# The first bytes of a file, and where they stand, for the types that models take.
_MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x89PNG", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (0, b"BM", "image/bmp"),
    (0, b"II*\x00", "image/tiff"),
    (0, b"MM\x00*", "image/tiff"),
    (0, b"%PDF", "application/pdf"),
    (8, b"WAVE", "audio/x-wav"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"\xff\xfb", "audio/mpeg"),
    (0, b"OggS", "audio/ogg"),
    (0, b"fLaC", "audio/x-flac"),
    (4, b"ftypM4A", "audio/m4a"),
    (4, b"ftyp", "video/mp4"),
    (0, b"\x1aE\xdf\xa3", "video/webm"),
    (0, b"PK\x03\x04", "application/zip"),
    (0, b"\x1f\x8b", "application/gzip"),
)


def suffix(mime_type: str) -> str | None:
    """Without a dot; None for a type that has none. Parameters (`; charset=utf-8`) are ignored."""
    known = _KNOWN.get(mime_type)
    if known is not None:
        return known
    plain = mime_type.partition(";")[0].rstrip()
    return audio_format(plain) or _SUFFIXES.get(plain) or _KNOWN.get(plain)


def audio_format(mime_type: str) -> str | None:
    """What an `input_audio` part calls the type; None for audio that no model takes and for all else."""
    top, _, sub = mime_type.partition("/")
    return _FORMATS.get(sub) if top == "audio" else None


def sniffed(content: bytes) -> str | None:
    """The type by its first bytes."""
    for offset, magic, found in _MAGIC:
        if content[offset : offset + len(magic)] == magic:
            return found
    return None
