"""What looks like a secret is masked, and nothing else is."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainsets.shared.text.secrets import MASK, without_secrets

SECRET = "hunter2XY"
HIDING = [
    "https://user:SECRET@host/a",
    "https://SECRET@host/a",
    "https://user:a@bSECRET@host/a",
    "https://a:SECRET/x@host/b",
    "https://a:x#SECRET@host/",
    "https://user%3ASECRET%40@host",
    "http://p?url=https%3A%2F%2Fuser%3ASECRET%40host%2Fx",
    "s3://key:SECRET@bucket",
    "https://SECRET:@host",
    "https://SECRET:x-oauth-basic@h/",
    "https://h/a?X-Amz-Signature=SECRET&b=1",
    "https://h/a?x=1&X-Amz-Credential=SECRET%2F2026",
    "https://h/a?X-Amz-Security-Token=SECRET",
    "https://h?Signature=SECRET&AWSAccessKeyId=1",
    "https://h?AWSAccessKeyId=SECRET",
    "https://h?sv=2&sig=SECRET",
    "https://h?Key-Pair-Id=SECRET",
    "https://h?Policy=SECRET",
    "-----BEGIN RSA PRIVATE KEY-----\n7\nSECRET\n-----END RSA PRIVATE KEY-----",
    "-----BEGIN PRIVATE KEY-----\n7\nSECRET\n",
    "?token=SECRET",
    "?access_token=SECRET",
    "?api_key=SECRET",
    "?apikey=SECRET",
    "?key=SECRET",
    "?auth=SECRET",
    "?password=SECRET",
    "?pwd=SECRET",
    "?secret=SECRET",
    "#access_token=SECRET&x",
    "https://h/%3FX-Amz-Signature%3DSECRET%26a",
    "Authorization: Bearer SECRET",
    "Authorization: Basic SECRET==",
    "authorization: token SECRET",
    "{'Authorization': 'Bearer SECRET'}",
    "Cookie: a=SECRET; b=c",
    "Set-Cookie: sid=SECRET; Path=/",
    "X-Api-Key: SECRET",
    "bearer SECRET",
    "--token SECRET",
    "--token=SECRET",
    "['--token', 'SECRET']",
    '["--token", "SECRET"]',
    "--api-key 'SECRET b'",
    "--password SECRET",
    "GITHUB_TOKEN=SECRET",
    "token='SECRET x'",
    "{'token': 'SECRET'}",
    '{\\"token\\": \\"SECRET\\"}',
    '{"apiKey":"SECRET"}',
    "password: SECRET",
    "aws_secret_access_key = SECRETQ1",
    "token='SECRET",
    "login(auth=('u','SECRET'))",
    "//user:SECRET@host/",
    "--pass SECRET",
    "https://u:p'SECRET@h",
    "http://user:pa%2FSECRET@proxy:3128",
]
HARMLESS = [
    "git@host",
    "git@github.com:a/b.git",
    "https://git@github.com/a",
    "ssh://git@host/x",
    "alice@example.org",
    "mailto:a@b.c",
    "/data/a@b/c",
    "https://h:8080/a@b",
    "https://h/a@b?x=c@d",
    "--tokenizer bpe",
    "token 5 is missing",
    "?key=3",
    "https://h?page=3&key=3",
    "--max-tokens 5",
    "max_tokens=100",
    "tokenizer=bpe",
    "sorted(x, key=len)",
    "key=3",
    "basic research",
    "bearer of news",
    "Basic information",
    "Unexpected token: comma",
    "--token env:NAME",
    "--token file:/x/y",
    "usage: x [--token TOKEN]",
    "--token is missing",
    "--token: expected one argument",
    "design=5",
    "high_pass=0.5Hz",
    "HP:0.5Hz LP:45Hz",
    "http://[::1]:8080/x@y",
    "time_signature=4",
    "signature: (x, y)",
    "author: x",
    "https://h/files/a.edf?download",
    "?key=sub-01/eeg.edf",
    "the password is wrong",
    "cookie: none",
    "sub-01_task-rest@2.edf",
    "ssh://alice@cluster/x",
    "https://***@h/",
    "invalid signature: bytes",
    "compass=north",
    "n_tokens: 5",
    "secretary=5",
    "see https://a.b and c@d.e",
    "https://a.b, c@d.e",
]
PIECES = [
    *("://", "//", "@", ":", "/", "?", "&", "=", "'", '"', "\\", " ", "\n", ",", "--"),
    *("https://", "%3A%2F%2F", "%40", "%3D", "token", "password", "key", "Bearer "),
    *("Authorization: ", "Cookie: ", "x-api-key:", "[", "(", ")", "user", "h1", "***"),
    *("-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----", "git", "sig"),
]
texts = st.text() | st.lists(st.sampled_from(PIECES), max_size=25).map("".join)


@pytest.mark.parametrize("text", HIDING)
def test_secret_is_masked_and_what_is_around_it_stays(text):
    masked = without_secrets(text.replace("SECRET", SECRET))
    assert SECRET not in masked and MASK in masked
    start = text.split("SECRET")[0].rpartition("//")[0]
    assert masked.startswith(start)
    assert without_secrets(f"before {text} after").startswith("before ")


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_no_secret_stays(text):
    assert without_secrets(text) == text


@pytest.mark.parametrize(
    "token",
    [
        f"ghp_{'a1' * 18}",
        f"github_pat_{'a1_' * 12}",
        f"glpat-{'a-' * 12}",
        f"hf_{'aB' * 15}",
        "AKIA" + "ABCD" * 4,
        f"eyJ{'a' * 20}.{'b' * 20}.{'c' * 10}",
    ],
)
def test_well_known_token_is_masked_wherever_it_stands(token):
    assert without_secrets(f"could not use {token}, sorry") == (
        "could not use ***, sorry"
    )


@given(texts)
def test_any_text_is_masked_once_and_for_all(text):
    masked = without_secrets(text)
    assert without_secrets(masked) == masked


@given(st.text(st.characters(exclude_characters="@%=:-#&?")))
def test_text_without_what_binds_a_secret_stays(text):
    if not any(word in text.lower() for word in ("bearer", "basic")):
        assert without_secrets(text) == text


@pytest.mark.parametrize("piece", [*PIECES, "a", "A", "//a:", "--a-", "token='", "&a."])
def test_no_text_takes_long(piece):
    text = piece * (100_000 // len(piece))
    started = time.process_time()
    without_secrets(text)
    assert time.process_time() - started < 5
