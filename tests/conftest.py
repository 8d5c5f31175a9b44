"""What all tests share."""

pytest_plugins = [
    "tests.support.quick",
    "tests.support.postgres",
    "tests.support.app",
    "tests.support.server_fixtures",
    "tests.support.s3",
]
