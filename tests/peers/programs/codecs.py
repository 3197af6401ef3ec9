"""lz4 and zstd of C, by their Python packages: reads what we have compressed, and compresses in all ways that there are."""

import base64
import json
import struct
import sys

sys.path.insert(0, json.loads(sys.argv[1])["folder"])

import lz4.frame  # noqa: E402
import zstandard  # noqa: E402

FLAGS = (False, True)
SKIPPED = struct.pack("<II", 0x184D2A53, 4) + b"skip"


def lz4_frames(plain):
    for size in (0, 4, 5, 6, 7) if len(plain) < 200_000 else (4, 7):
        for linked in FLAGS:
            for content_checksum in FLAGS:
                for block_checksum in FLAGS:
                    for store_size in FLAGS:
                        yield f"{size} {linked} {content_checksum} {block_checksum} {store_size}", lz4.frame.compress(
                            plain,
                            block_size=size,
                            block_linked=linked,
                            content_checksum=content_checksum,
                            block_checksum=block_checksum,
                            store_size=store_size,
                        )
    for level in (-10, 3, 9, 12):
        yield f"level {level}", lz4.frame.compress(plain, compression_level=level)
    with_context = lz4.frame.LZ4FrameCompressor(auto_flush=True)
    pieces = [with_context.begin(), *(with_context.compress(plain[i:i + 999]) for i in range(0, len(plain), 999))]
    yield "many small blocks", b"".join([*pieces, with_context.flush()])
    one = lz4.frame.compress(plain)
    yield "two, and skipped", SKIPPED + one + SKIPPED + lz4.frame.compress(b"") + SKIPPED


def zstd_frames(plain):
    for level in (-5, 1, 3, 19):
        for size in FLAGS:
            for checksum in FLAGS:
                made = zstandard.ZstdCompressor(level=level, write_content_size=size, write_checksum=checksum)
                yield f"{level} {size} {checksum}", made.compress(plain)
    stream = zstandard.ZstdCompressor(level=3).compressobj()
    pieces = []
    for i in range(0, len(plain), 50_000):
        pieces += [stream.compress(plain[i:i + 50_000]), stream.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)]
    yield "in a stream, without a size", b"".join([*pieces, stream.flush()])
    one = zstandard.ZstdCompressor()
    half = len(plain) // 2
    yield "two, and skipped", SKIPPED + one.compress(plain[:half]) + SKIPPED + one.compress(plain[half:]) + SKIPPED
    wide = zstandard.ZstdCompressionParameters(window_log=24, enable_ldm=True, write_content_size=False)
    yield "a wide window", zstandard.ZstdCompressor(compression_params=wide).compress(plain)


def unzstd(data):
    return zstandard.ZstdDecompressor().decompressobj().decompress(data)


def main():
    theirs = []
    for case in json.load(sys.stdin):
        plain = base64.b64decode(case["plain"])
        for name, read in (("lz4", lz4.frame.decompress), ("zstd", unzstd)):
            for packed in case[name]:
                if read(base64.b64decode(packed)) != plain:
                    raise AssertionError(f"{name} of {len(plain)} bytes")
        encoded = {}
        for name, frames in (("lz4", lz4_frames(plain)), ("zstd", zstd_frames(plain))):
            encoded[name] = [[how, base64.b64encode(packed).decode()] for how, packed in frames]
        theirs.append(encoded)
    json.dump(theirs, sys.stdout)


main()
