"""Buckets of the servers in ``tests.support.servers``, to put objects into."""

from pathlib import Path
from typing import Any

import pytest


class Store:
    """A file system of buckets."""

    def __init__(self, files: Any) -> None:
        self.files = files

    def put(self, key: str, content: str | bytes) -> None:
        with self.files.open_output_stream(key, compression=None) as stream:
            stream.write(content.encode() if isinstance(content, str) else content)

    def put_folder(self, folder: Path, prefix: str) -> None:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                self.put(f"{prefix}/{file.relative_to(folder).as_posix()}", file.read_bytes())


def s3_with_credentials(address: str, patch: pytest.MonkeyPatch) -> Store:
    """The server with one empty bucket named ``logs``, and the environment as the code under test reads it."""
    from pyarrow import fs

    patch.setenv("AWS_ACCESS_KEY_ID", "reader")
    patch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    patch.setenv("AWS_ENDPOINT_URL", address)
    files = fs.S3FileSystem(
        endpoint_override=address, allow_bucket_creation=True, allow_bucket_deletion=True, region="us-east-1"
    )
    for info in files.get_file_info(fs.FileSelector("", recursive=False)):
        files.delete_dir(info.path)
    files.create_dir("logs")
    return Store(files)


def google_with_emulator(address: str, patch: pytest.MonkeyPatch) -> Store:
    """Likewise, a server of Google's protocol."""
    from pyarrow import fs

    patch.setenv("STORAGE_EMULATOR_HOST", address)
    host = address.partition("//")[2]
    files = fs.GcsFileSystem(endpoint_override=host, scheme="http", anonymous=True, project_id="shop")
    files.create_dir("logs")
    return Store(files)
