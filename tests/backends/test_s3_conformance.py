"""The S3 backend passes the tests that authors of backends get."""

import pytest

from tests.support.s3 import Bucket
from webapp.contracts.backends import StorageBackend
from webapp.contracts.conformance import BackendConformance


class TestS3Backend(BackendConformance):
    @pytest.fixture(autouse=True)
    def _bucket(self, bucket: Bucket) -> None:
        self.bucket = bucket

    def make_backend(self) -> StorageBackend:
        return self.bucket.backend()
