"""One request to an object store, through obstore, and what came of it: an answer, or what is to be done about it.

Address ─▶ a client of this process, with the environment's credentials ─▶ request
  ─▶ 5xx 408 409 429, reset, timeout ─▶ Again (patience.py)        ─▶ 403, no bucket, no credentials ─▶ UsageError
  ─▶ no such object ─▶ FileNotFoundError                           ─▶ it is there, it is another ─▶ Unmet

Source: the environment's variables and files of credentials are those of AWS's and Google's own tools.
"""

from __future__ import annotations

import configparser
import os
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from curate.batch import Pulse, no_pulse
from curate.engine.object_address import Address
from curate.engine.patience import Again, Manners, patiently
from curate.errors import UsageError

Answer = TypeVar("Answer")

CONNECT_SECONDS, SECONDS, LONG_SECONDS = 10, 60, 1800
"""Of a connection, of a request, and of the upload of a large object."""
PARTS_TRIED = 8
"""Of an upload in parts each part is tried again by itself so many times."""
MAX_UNREACHED = 3
"""Tries to reach a server that nobody answers at: its name may be a slip of the pen."""
STATUS = re.compile(r"status code: (\d{3})")
SAID = re.compile(r"<Code>([^<]*)</Code>\s*(?:<Message>([^<]*)</Message>)?")
NO_SUCH_RANGE = 416
TRIED_AGAIN = frozenset({408, 409, 425, 429, *range(500, 600)}) - {501}
NOT_FINDING = re.compile(r"ConnectError|dns error|tcp connect", re.IGNORECASE)
METADATA = re.compile(r"169\.254\.169\.254|metadata\.google|token request")
"""What is asked for credentials where the environment has none."""
GIVEN = (
    "AWS_ACCESS_KEY_ID",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_SKIP_SIGNATURE",
)
ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT", "GOOGLE_BASE_URL")
REGIONS = ("AWS_REGION", "AWS_DEFAULT_REGION")
LACKING = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile in ~/.aws/credentials; AWS_SKIP_SIGNATURE=true "
    "for a bucket that is open to all",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS, or gcloud auth application-default login; GOOGLE_SKIP_SIGNATURE=true for a "
    "bucket that is open to all",
}


class Unmet(Exception):
    """A condition of a request is not met: the object is there, or is not the one that it was, or ends before."""


def asked(
    address: Address,
    ask: Callable[[Any], Answer],
    pulse: Pulse = no_pulse,
    *,
    seconds: int = SECONDS,
    manners: Manners | None = None,
) -> Answer:
    """What `ask` answers when it is called with the client of an address's bucket, and again while that may help.

    Raises:
        FileNotFoundError: no such object.
        Unmet: a condition of the request is not met.
        UsageError: no such bucket or server, no permission, no credentials, or obstore is not installed.
        MachineError: the server was asked as often as manners allow.
    """

    def once() -> Answer:
        try:
            return ask(client(address, seconds))
        except (obstore_here().exceptions.BaseError, FileNotFoundError) as error:
            raise understood(address, error) from None

    return patiently(str(address), once, pulse, manners=manners, max_unreached=MAX_UNREACHED)


def understood(address: Address, error: BaseException) -> Exception:
    """What an exception of obstore means."""
    exceptions = obstore_here().exceptions
    text = str(error)
    status = int(found[1]) if (found := STATUS.search(text)) else None
    said = found if (found := SAID.search(text)) else None
    code, why = (said[1], f"{said[1]}: {said[2] or ''}".strip(": ")) if said else ("", _first_line(text))
    if code == "NoSuchBucket" or (status == 404 and not isinstance(error, FileNotFoundError)):
        return UsageError(f"{address}: there is no such bucket; create it, or name another")
    if isinstance(error, FileNotFoundError):
        return FileNotFoundError(2, "no such object", str(address))
    if isinstance(error, exceptions.AlreadyExistsError | exceptions.PreconditionError) or status == NO_SUCH_RANGE:
        return Unmet(why)
    if METADATA.search(_first_line(text)) and (status is None or status < 500):
        return UsageError(f"{address}: no credentials were found; set {LACKING[address.scheme]}")
    if isinstance(error, exceptions.PermissionDeniedError | exceptions.UnauthenticatedError):
        told = "the environment's credentials do not allow that (a run lists, reads, writes and deletes)"
        return UsageError(f"{address}: {told}: {why}")
    if status is None or status in TRIED_AGAIN or code == "RequestTimeout":
        if "redirect" in text and "region" in text:
            return UsageError(f"{address}: the bucket is of another region; set AWS_REGION to its own")
        return Again(why, is_unreached=NOT_FINDING.search(text) is not None)
    return UsageError(f"{address}: the server says {status}: {why}")


def client(address: Address, seconds: int = SECONDS) -> Any:
    """obstore's client of the bucket, whose paths are whole keys."""
    environment = tuple(sorted(pair for pair in os.environ.items() if pair[0].startswith(("AWS_", "GOOGLE_"))))
    return _client(os.getpid(), address.scheme, address.bucket, address.query, seconds, environment)


@lru_cache(maxsize=64)
def _client(
    process: int,
    scheme: str,
    bucket: str,
    query: str,
    seconds: int,
    environment: tuple[tuple[str, str], ...],
) -> Any:
    """Of one process, as a fork must not share connections, and of one environment."""
    store = obstore_here().store
    given = dict(environment)
    config = _s3_config(bucket, dict(parse_qsl(query)), given) if scheme == "s3" else {}
    endpoint = config.get("endpoint") or next((given[name] for name in ENDPOINTS if given.get(name)), "")
    tries = PARTS_TRIED if seconds > SECONDS else 0
    backoff = {"init_backoff": timedelta(seconds=1), "max_backoff": timedelta(seconds=30), "base": 2}
    kind = store.S3Store if scheme == "s3" else store.GCSStore
    return kind(
        bucket,
        config=config,
        client_options={
            "allow_http": endpoint.startswith("http://"),
            "connect_timeout": f"{CONNECT_SECONDS}s",
            "timeout": f"{seconds}s",
        },
        # Else asked again by `patiently`, which pulses while it waits.
        retry_config={"max_retries": tries, "backoff": backoff, "retry_timeout": timedelta(seconds=seconds)},
    )


def _s3_config(bucket: str, options: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    """What obstore does not find in the environment by itself."""
    profile = _profile(given)
    config: dict[str, str] = {}
    if not any(given.get(name) for name in GIVEN):
        names = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
        config |= {name.removeprefix("aws_"): profile[name] for name in names if name in profile}
    endpoint = options.get("endpoint_override") or ("" if _first(given, ENDPOINTS) else profile.get("endpoint_url", ""))
    if endpoint:
        config["endpoint"] = endpoint if "://" in endpoint else f"{options.get('scheme', 'https')}://{endpoint}"
    region = options.get("region") or _first(given, REGIONS) or profile.get("region")
    if not region and not endpoint and not _first(given, ENDPOINTS):
        region = _region_of(bucket)
    return config | ({"region": region} if region else {})


def _first(given: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    return next((given[name] for name in names if given.get(name)), None)


def _profile(given: Mapping[str, str]) -> dict[str, str]:
    """The user's profile, from both of the files that AWS's tools keep."""
    name = given.get("AWS_PROFILE") or "default"
    places = (("AWS_CONFIG_FILE", "config", f"profile {name}"), ("AWS_SHARED_CREDENTIALS_FILE", "credentials", name))
    found: dict[str, str] = {}
    for variable, file, section in places:
        parser = configparser.RawConfigParser(strict=False)
        try:
            parser.read(given.get(variable) or Path.home() / ".aws" / file, encoding="utf-8")
        except (OSError, configparser.Error, ValueError):
            continue
        for title in {section, name}:
            found |= dict(parser[title]) if parser.has_section(title) else {}
    return found


@lru_cache(maxsize=64)
def _region_of(bucket: str) -> str | None:
    """As S3 says itself, to anybody."""
    from pyarrow import fs

    try:
        region: str = fs.resolve_s3_region(bucket)
    except OSError:
        return None  # the request itself says what is wrong
    return region


def obstore_here() -> Any:
    """
    Raises:
        UsageError: it is not installed.
    """
    try:
        import obstore.exceptions
        import obstore.store
    except ImportError:
        told = "s3:// and gs:// need the extra [stores]: pip install 'curate-corpus[stores]'"
        raise UsageError(told) from None
    return obstore


def _first_line(text: str) -> str:
    return text.split("\n")[0].strip()[:300]
