"""Hosts in network namespaces on one bridge, each with an IPv4 and an IPv6 address; needs root and iproute2."""

import asyncio
import ipaddress
import secrets
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

SWITCH = "br0"
INSIDE = "eth0"
FIRST_HOST, FIRST_CLIENT, LAST_CLIENT = 10, 100, 199
"""Last parts of the addresses; 1 is this machine."""


class NotPermitted(Exception):
    """Network namespaces cannot be made here; its text is the reason."""


@dataclass(frozen=True)
class Host:
    """A namespace with its own interface, addresses and ports. Files and Unix sockets are those of this machine."""

    namespace: str
    ipv4: str
    ipv6: str

    def command(self, *program: str) -> tuple[str, ...]:
        """The command that runs a program on this host, in the process that is started."""
        return ("ip", "netns", "exec", self.namespace, *program)


@dataclass(frozen=True)
class Network:
    name: str
    ipv4: ipaddress.IPv4Network
    ipv6: ipaddress.IPv6Network
    names: Sequence[str]

    @property
    def gateway(self) -> str:
        """The IPv4 address of this machine in the network."""
        return str(self.ipv4[1])

    def host(self, name: str) -> Host:
        number = FIRST_HOST + self.names.index(name)
        return Host(f"{self.name}-{name}", str(self.ipv4[number]), str(self.ipv6[number]))

    def client_address(self, number: int, *, family: int) -> str:
        """An address of this machine, from which one client connects."""
        place = FIRST_CLIENT + number % (LAST_CLIENT - FIRST_CLIENT)
        return str(self.ipv4[place] if family == 4 else self.ipv6[place])

    async def create(self) -> None:
        """Connect the hosts and this machine. Everything is in namespaces, and goes with them."""
        try:
            await run(f"netns add {self.name}")
            await run(f"link add {self.name} type veth peer name client netns {self.name}")
        except RuntimeError as error:
            raise NotPermitted(f"no network namespaces here: {error}") from None
        await batch(*(f"netns add {self.host(name).namespace}" for name in self.names))
        await batch(
            f"link add {SWITCH} type bridge",
            f"link set {SWITCH} up",
            *self._port("client"),
            *(line for name in self.names for line in (self._cable(name), *self._port(name))),
            namespace=self.name,
        )
        for name in self.names:
            host = self.host(name)
            lines = self._addresses(INSIDE, host.ipv4, host.ipv6)
            await batch("link set lo up", f"link set {INSIDE} up", *lines, namespace=host.namespace)
        numbers = (1, *range(FIRST_CLIENT, LAST_CLIENT))
        addresses = [str(network[number]) for number in numbers for network in (self.ipv4, self.ipv6)]
        await batch(f"link set {self.name} up", *self._addresses(self.name, *addresses))

    def _cable(self, name: str) -> str:
        return f"link add {name} type veth peer name {INSIDE} netns {self.host(name).namespace}"

    def _port(self, name: str) -> Iterable[str]:
        return (f"link set {name} master {SWITCH}", f"link set {name} up")

    def _addresses(self, interface: str, *addresses: str) -> Iterable[str]:
        for address in addresses:
            is_ipv6 = ":" in address
            yield f"addr add {address}/{64 if is_ipv6 else 24} dev {interface}{' nodad' if is_ipv6 else ''}"

    async def remove(self) -> None:
        for namespace in (*(self.host(name).namespace for name in self.names), self.name):
            with suppress(RuntimeError):
                await run(f"netns del {namespace}")


@asynccontextmanager
async def network(*names: str) -> AsyncIterator[Network]:
    """A network with these hosts. Raises NotPermitted."""
    mark = secrets.token_hex(4)
    ipv4 = ipaddress.IPv4Network(f"198.18.{int(mark[:2], 16)}.0/24")  # reserved for tests between networks
    made = Network(f"hd{mark}", ipv4, ipaddress.IPv6Network(f"fd{mark[:2]}:{mark[2:6]}:{mark[4:]}::/64"), names)
    try:
        await made.create()
        yield made
    finally:
        await made.remove()


async def run(arguments: str) -> None:
    await _ip(arguments.split(), "")


async def batch(*lines: str, namespace: str = "") -> None:
    """Run several commands of `ip` in one process, in a namespace or in that of this process."""
    place = ("-n", namespace) if namespace else ()
    await _ip((*place, "-batch", "-"), "\n".join(lines))


async def _ip(arguments: Iterable[str], text: str) -> None:
    pipe = asyncio.subprocess.PIPE
    try:
        process = await asyncio.create_subprocess_exec("ip", *arguments, stdin=pipe, stdout=pipe, stderr=pipe)
    except FileNotFoundError:
        raise RuntimeError("ip (iproute2) is not on the PATH") from None
    _, error = await process.communicate(text.encode())
    if process.returncode != 0:
        raise RuntimeError(error.decode().strip())
