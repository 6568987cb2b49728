"""A stand-in of public S3 buckets: moto's server, filled from folders."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import boto3
from moto.server import ThreadedMotoServer


@contextmanager
def s3_server(buckets: Mapping[str, Path]) -> Iterator[dict[str, str]]:
    """Serve buckets with the files of folders; a file's relative path is its key.

    Yields the environment variables with which boto3, in any process, reads from here
    instead of from Amazon.
    """
    # Every request otherwise, between the lines that tell why a test failed.
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        endpoint = f"http://{host}:{port}"
        _fill(endpoint, buckets)
        # Settings of whoever runs the tests would count too, and might redirect it.
        nowhere = {"AWS_CONFIG_FILE": "", "AWS_SHARED_CREDENTIALS_FILE": ""}
        yield {"AWS_ENDPOINT_URL": endpoint, **nowhere}
    finally:
        server.stop()


def _fill(endpoint: str, buckets: Mapping[str, Path]) -> None:
    client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="anybody",
        aws_secret_access_key="anything",
    )
    # For everybody to read without a signature, as in the archives.
    public = {"ACL": "public-read"}
    for bucket, folder in buckets.items():
        client.create_bucket(Bucket=bucket, **public)
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            key = file.relative_to(folder).as_posix()
            client.put_object(Bucket=bucket, Key=key, Body=file.read_bytes(), **public)
