"""
Where the cluster is: flag, then environment, then file.

Nothing is asked of the network here, so that the answer to "why there?" is
always the one setting that `origin` names.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from attrs import frozen

from galaxy.settings import Settings, read_settings

_ENSEMBLE = "zookeeper:"


class Nowhere(Exception):
    """No setting says where the cluster is, or the one that does cannot be used."""


class NoAddress(Nowhere):
    """What should be an address is none."""


@frozen
class Flags:
    """What the command line said; None: nothing."""

    master: str | None = None
    nexus: str | None = None
    config: str | None = None


@frozen
class Whereabouts:
    """
    Addresses where masters may listen, the likeliest first, the ensemble that knows
    others ("": none does), and the setting that said so.
    """

    masters: tuple[str, ...]
    origin: str
    nexus: str = ""


def whereabouts(flags: Flags, environ: Mapping[str, str], cwd: Path, home: Path) -> Whereabouts:
    """
    Where to look for masters.

    Raises `Nowhere`, or `SettingsError` for a file that cannot be used.
    """
    for value, origin in (
        (flags.master, "--master"),
        (environ.get("GALAXY_MASTER"), "GALAXY_MASTER"),
    ):
        if value:
            return Whereabouts(_addresses(value, origin), origin)
    for value, origin in (
        (flags.nexus, "--nexus"),
        (environ.get("GALAXY_NEXUS"), "GALAXY_NEXUS"),
    ):
        if value:
            return _by_nexus(value, origin)
    for value, origin in (
        (flags.config, "--config"),
        (environ.get("GALAXY_CONFIG"), "GALAXY_CONFIG"),
    ):
        if value:
            path = Path(value)
            return _by_settings(read_settings(path), f"{path} ({origin})")
    places = settings_files(cwd, home)
    for path in places:
        if path.is_file():
            return _by_settings(read_settings(path), str(path))
    looked = ", ".join(map(str, places))
    raise Nowhere(
        "no cluster is named: neither --master, GALAXY_MASTER, --nexus, GALAXY_NEXUS, --config nor"
        f" GALAXY_CONFIG is given, and there is no {looked}."
        " `galaxy up` starts a cluster on this machine"
    )


def nexus_url(flags: Flags, environ: Mapping[str, str], cwd: Path, home: Path) -> str:
    """
    The URL of the cluster's nexus, found as `whereabouts` finds masters.

    Raises `Nowhere`, or `SettingsError` for a file that cannot be used.
    """
    if url := flags.nexus or environ.get("GALAXY_NEXUS"):
        return url
    named = flags.config or environ.get("GALAXY_CONFIG")
    places = (Path(named),) if named else settings_files(cwd, home)
    for path in places:
        if named or path.is_file():
            if url := read_settings(path).nexus:
                return url
            raise NoAddress(f"{path} names no nexus: name one, as leveldb:PATH or zookeeper://...")
    raise NoAddress("no nexus is named: write its URL, leveldb:PATH or zookeeper://HOSTS/CHROOT")


def settings_files(cwd: Path, home: Path) -> tuple[Path, ...]:
    """Where settings are looked for when nothing names them, first things first."""
    name = "galaxy.toml"
    return (
        cwd / ".galaxy" / name,
        home / ".config" / "galaxy" / name,
        Path("/etc/galaxy") / name,
    )


def _addresses(value: str, origin: str) -> tuple[str, ...]:
    addresses = tuple(address.strip() for address in value.split(",") if address.strip())
    if not addresses:
        raise NoAddress(f"{origin}: {value!r} names no address: write HOST:PORT")
    for address in addresses:
        host, _, port = address.rpartition(":")
        if not (host and port.isdecimal() and 0 < int(port) < 65536):
            raise NoAddress(f"{origin}: {address!r} is not an address: write HOST:PORT")
    return addresses


def _by_settings(settings: Settings, origin: str) -> Whereabouts:
    nexus = settings.nexus if settings.nexus.startswith(_ENSEMBLE) else ""
    masters = settings.masters or (() if nexus else (settings.master.listen,))
    return Whereabouts(masters, origin, nexus)


def _by_nexus(url: str, origin: str) -> Whereabouts:
    if url.startswith("leveldb:"):
        raise Nowhere(
            f"{origin}: only its master can read the nexus {url}: name the master with --master"
        )
    if not url.startswith(_ENSEMBLE):
        from galaxy.nexus.places import without_password

        shown = without_password(url)
        raise NoAddress(f"{origin}: {shown!r} is no nexus: write zookeeper://HOST:PORT,.../CHROOT")
    return Whereabouts((), origin, url)
