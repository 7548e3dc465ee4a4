"""What is measured, and the bars that tlsmith has to clear."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

AES_128 = "TLS_AES_128_GCM_SHA256"
AES_256 = "TLS_AES_256_GCM_SHA384"
CHACHA = "TLS_CHACHA20_POLY1305_SHA256"
MIB = 1 << 20


def time(nanoseconds: float) -> str:
    if nanoseconds >= 1e6:
        return f"{nanoseconds / 1e6:.2f} ms"
    return f"{nanoseconds / 1e3:.3g} us" if nanoseconds < 1e5 else f"{nanoseconds / 1e3:.0f} us"


def rate(size: int) -> Callable[[float], str]:
    """How fast messages of this size go that take so many nanoseconds."""
    return lambda nanoseconds: f"{size * 1e9 / MIB / nanoseconds:.0f} MiB/s"


def count(value: float) -> str:
    return f"{value:,.0f}"


def per_second(nanoseconds: float) -> str:
    return f"{1e9 / nanoseconds:,.0f}/s"


def megabytes(size: float) -> str:
    return f"{size / 1e6:.2f} MB"


def calls(number: float) -> str:
    return f"{number:.1f}"


@dataclass
class Case:
    """One row.  Of all numbers, less is better: they are times, sizes and counts."""

    section: str
    name: str
    # What a program of benches/peers is told to do, with how often.
    words: str
    show: Callable[[float], str] = time
    # In a process of its own, cold.
    anew: bool = False
    quick: bool = True

    @property
    def key(self) -> str:
        return f"{self.section}: {self.name}"


def handshake(kind: str, group: str) -> Case:
    words = f"handshake {AES_128} {group} {kind} 200"
    return Case("Handshakes, in memory", f"{kind}, {group}", words)


def default_handshake(kind: str) -> Case:
    """With the cipher suite and the group that the library prefers."""
    return Case("Handshakes, in memory", f"{kind}, by default", f"handshake - - {kind} 200")


def bulk(where: str, cipher: str, size: int, times: int) -> Case:
    section = {"memory": "One way, in memory", "tcp": "One way, over loopback TCP"}[where]
    short = {AES_128: "AES-128-GCM", AES_256: "AES-256-GCM", CHACHA: "ChaCha20-Poly1305"}[cipher]
    names = {100: "100 B", 16384: "16 KiB", 65536: "64 KiB", MIB: "1 MiB"}
    return Case(section, f"{short}, {names[size]}", f"{where} {cipher} {size} {times}", rate(size))


HANDSHAKES = [
    handshake("full", "X25519"),
    handshake("full", "X25519MLKEM768"),
    handshake("mutual", "X25519"),
    handshake("resumed", "X25519"),
    handshake("resumed", "X25519MLKEM768"),
]

SMALL = bulk("memory", AES_128, 100, 30_000)
# Written one by one, and carried together.
BURST = Case(SMALL.section, f"{SMALL.name}, 64 at a time", f"burst {AES_128} 100 64 500", rate(100))
MEMORY = [
    bulk("memory", AES_128, 16384, 6_000),
    bulk("memory", AES_256, 16384, 6_000),
    bulk("memory", AES_128, 65536, 1_500),
    bulk("memory", AES_128, MIB, 100),
]
MEMORY_CHACHA = bulk("memory", CHACHA, 16384, 3_000)
TCP = [
    bulk("tcp", AES_128, 16384, 8_000),
    bulk("tcp", AES_128, 65536, 2_000),
    bulk("tcp", AES_128, MIB, 125),
]
TCP_CHACHA = bulk("tcp", CHACHA, 65536, 1_500)
PING_PONG = Case("Latency", "100 bytes there and back, TCP", f"pingpong {AES_128} 100 6000")

START = Case("Start", "start, first handshake, end of a program", "start 10")
ROOTS = Case("Start", "context with the system's roots, the first", "roots 1", anew=True)
ROOTS_AGAIN = Case("Start", "context with the system's roots, again", "roots 10")


def issuing(kind: str, times: int, quick: bool = True) -> Case:
    name, words = f"a CA and a certificate, {kind}", f"certificates {kind} {times}"
    return Case("Certificates", name, words, per_second, quick=quick)


# These take turns; the others below are measured once.
TIMED = [
    *HANDSHAKES,
    default_handshake("full"),
    default_handshake("resumed"),
    SMALL,
    BURST,
    *MEMORY,
    MEMORY_CHACHA,
    *TCP,
    TCP_CHACHA,
    PING_PONG,
    START,
    ROOTS,
    ROOTS_AGAIN,
    issuing("ecdsa-p256", 40),
    issuing("ed25519", 40),
    issuing("rsa-2048", 4, quick=False),
]

IDLE = "idle 10000"
IDLE_SERVER = Case("Memory", "heap of an idle server connection", IDLE, count)
IDLE_CLIENT = Case("Memory", "heap of an idle client connection", IDLE, count)
LIBRARY = Case("Memory", "the shared library, stripped", "", megabytes)


def instructions(name: str, words: str) -> Case:
    return Case("Instructions, both sides", name, words, count)


INSTRUCTIONS = [
    instructions("one full handshake", f"handshake {AES_128} X25519 full 1"),
    instructions("64 messages of 100 B", f"memory {AES_128} 100 64"),
    instructions("64 messages of 16 KiB", f"memory {AES_128} 16384 64"),
]

# What 64 more messages of 1 MiB take.
CALLS_FEW, CALLS_MANY = f"tcp {AES_128} {MIB} 64", f"tcp {AES_128} {MIB} 128"
CALLS_MIB = 64
READ_CALLS = Case("System calls", "reads per MiB, 1 MiB writes over TCP", "", calls)
WRITE_CALLS = Case("System calls", "writes per MiB, 1 MiB writes over TCP", "", calls)


@dataclass
class Bar:
    """Every case has to be at least so many times as good as `peer`'s, or, without one,
    to take at most so much."""

    text: str
    cases: list[Case]
    limit: float
    peer: str | None = None


BARS = [
    Bar("full, mutual, resumed handshakes: >= 0.97 of rustls", HANDSHAKES, 0.97, "rustls"),
    Bar("AES-GCM in memory, 16 KiB and more: >= 1.3 of OpenSSL 4", MEMORY, 1.3, "openssl"),
    Bar("AES-GCM in memory, 16 KiB and more: >= 1.1 of BoringSSL", MEMORY, 1.1, "boringssl"),
    Bar("100-byte messages: >= 2 of OpenSSL 4", [SMALL, BURST], 2, "openssl"),
    Bar("100-byte messages: >= 2 of BoringSSL", [SMALL, BURST], 2, "boringssl"),
    Bar("TCP, 16 KiB to 1 MiB: >= 1.25 of OpenSSL 4", TCP, 1.25, "openssl"),
    Bar("reads at 1 MiB: <= 16 per MiB", [READ_CALLS], 16),
    Bar("writes at 1 MiB: <= 16 per MiB", [WRITE_CALLS], 16),
    Bar("idle server connection: <= 4 KiB", [IDLE_SERVER], 4096),
    Bar("idle client connection: <= 5 KiB", [IDLE_CLIENT], 5120),
    Bar("start and first handshake: <= 4 ms", [START], 4e6),
    Bar("context with the system's roots: <= 1.2 ms", [ROOTS], 1.2e6),
    Bar("stripped library: <= 4.5 MB", [LIBRARY], 4.5e6),
]
