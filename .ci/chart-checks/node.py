"""What a node gives a pod: addresses and names, a root that cannot be written, volumes, limits.

All of it is made inside namespaces of its own (`unshare --mount --net`, see .ci/chart), so nothing outlives the check.
"""

import ctypes
import fcntl
import os
import shutil
import socket
import struct
import subprocess
import time
from contextlib import suppress
from pathlib import Path

POD_IP = "10.42.0.7"
SERVICE_IP = "10.96.0.10"
SIOCGIFFLAGS, SIOCSIFFLAGS, SIOCSIFADDR, SIOCSIFNETMASK, IFF_UP = 0x8913, 0x8914, 0x8916, 0x891C, 1
PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, CAPABILITIES = 24, 38, 41
LIBC = ctypes.CDLL(None, use_errno=True)


def network(work: Path, names: list[str]) -> None:
    """Brings the loopback up with the addresses of a pod and of a Service, which has these names."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        for name, address in [("lo", "127.0.0.1"), ("lo:1", POD_IP), ("lo:2", SERVICE_IP)]:
            mask = "255.0.0.0" if name == "lo" else "255.255.255.255"
            for order, value in [(SIOCSIFADDR, address), (SIOCSIFNETMASK, mask)]:
                sockaddr = struct.pack("=HH4s8x", socket.AF_INET, 0, socket.inet_aton(value))
                fcntl.ioctl(control, order, struct.pack("=16s16s", name.encode(), sockaddr))
        flags = fcntl.ioctl(control, SIOCGIFFLAGS, struct.pack("=16sH14x", b"lo", 0))
        up = struct.unpack("=16sH14x", flags)[1] | IFF_UP
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("=16sH14x", b"lo", up))
    hosts = work / "hosts"
    hosts.write_text(f"127.0.0.1 localhost\n{SERVICE_IP} {' '.join(names)}\n")
    mount("--bind", str(hosts), "/etc/hosts")


def has_ipv6() -> bool:
    try:
        socket.create_server(("::", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


def mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)


def image(root: Path, binary: Path, places: list[str]) -> None:
    """A root as the image has it: the binary, the libraries it needs, a user, and empty places for mounts."""
    root.mkdir()
    mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", str(root))
    copy(binary, root / "usr/local/bin/policyguard")
    listed = subprocess.run(["ldd", binary], check=True, capture_output=True, text=True).stdout
    for word in listed.split():
        if word.startswith("/"):
            copy(Path(word), root / word.lstrip("/"))
    (root / "etc").mkdir(exist_ok=True)
    (root / "etc/passwd").write_text("nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n")
    for place in [*places, "/proc", "/sys", "/dev", "/etc/hosts"]:
        inside = root / place.lstrip("/")
        if Path(place).is_file():
            inside.touch()
        else:
            inside.mkdir(parents=True, exist_ok=True)
        if place in ("/proc", "/sys", "/dev", "/etc/hosts"):
            mount("--rbind", place, str(inside))
    mount("-o", "remount,ro,bind", str(root))


def copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source.resolve(), target)


def own(folder: Path, group: int, policy: str) -> None:
    """Gives a volume to the pod's group, as the kubelet does, unless its top has it already and that is enough."""
    wanted = 0o2770
    top = folder.stat()
    if policy == "OnRootMismatch" and top.st_gid == group and top.st_mode & wanted == wanted:
        return
    for path in [folder, *folder.rglob("*")]:
        if not path.is_symlink():
            os.chown(path, -1, group)
            path.chmod(path.stat().st_mode | (wanted if path.is_dir() else 0o660))


class Projected:
    """A ConfigMap or Secret as files: names that lead through one link, which an update swaps."""

    def __init__(self, folder: Path, mode: int, group: int) -> None:
        self._folder, self._mode, self._group, self._turn = folder, mode, group, 0
        folder.mkdir()
        os.chown(folder, 0, group)
        folder.chmod(0o3777)

    def put(self, files: dict[str, bytes]) -> None:
        self._turn += 1
        turn = self._folder / f"..turn_{self._turn}"
        turn.mkdir()
        for name, content in files.items():
            file = turn / name
            file.write_bytes(content)
            os.chown(file, 0, self._group)
            file.chmod(self._mode)
        before = self._folder / "..data"
        old = before.readlink() if before.is_symlink() else None
        swapped = self._folder / "..data_tmp"
        swapped.symlink_to(turn.name)
        swapped.rename(before)
        for name in files:
            if not (self._folder / name).is_symlink():
                (self._folder / name).symlink_to(f"..data/{name}")
        if old is not None:
            for link in self._folder.iterdir():
                if link.is_symlink() and not link.exists():
                    link.unlink()
            shutil.rmtree(self._folder / old)


class Limits:
    """The memory and the share of a processor that a container may take, by cgroups of either version."""

    def __init__(self, memory: int, processors: float) -> None:
        self.groups: list[Path] = []
        self.memory = memory
        period = 100_000
        quota = int(processors * period)
        first = [("memory.limit_in_bytes", str(memory)), ("memory.swappiness", "0")]
        self._memory = self._group("/sys/fs/cgroup/memory", first, "memory.max_usage_in_bytes")
        self._group("/sys/fs/cgroup/cpu", [("cpu.cfs_period_us", str(period)), ("cpu.cfs_quota_us", str(quota))], "")
        if not self._memory:
            both = [("memory.max", str(memory)), ("memory.swap.max", "0"), ("cpu.max", f"{quota} {period}")]
            self._memory = self._group("/sys/fs/cgroup", both, "memory.peak")

    def _group(self, parent: str, files: list[tuple[str, str]], figure: str) -> Path | None:
        group = Path(parent, f"policyguard-chart-{os.getpid()}-{time.monotonic_ns()}")
        try:
            group.mkdir()
            for name, text in files:
                (group / name).write_text(text)
        except OSError:
            with suppress(OSError):
                group.rmdir()
            return None
        self.groups.append(group)
        return group / figure

    @property
    def hold(self) -> bool:
        return self._memory is not None

    def enter(self) -> None:
        for group in self.groups:
            (group / "cgroup.procs").write_text(str(os.getpid()))

    def peak(self) -> int:
        """The most memory that was taken, in bytes, the page cache included; needs `hold`."""
        return int(self._memory.read_text())

    def leave(self) -> None:
        for group in self.groups:
            for _ in range(50):
                with suppress(OSError):
                    group.rmdir()
                    break
                time.sleep(0.1)


def become(root: Path, user: int, group: int, groups: list[int]) -> None:
    """What the runtime does last: no capabilities, no new privileges, another root, another user."""
    for capability in range(CAPABILITIES):
        if capability not in (6, 7, 18):  # setgid, setuid, chroot: needed a moment longer, and lost with the user
            LIBC.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    os.chroot(root)
    os.chdir("/etc/policyguard" if os.path.isdir("/etc/policyguard") else "/")
    os.setgroups(groups)
    os.setgid(group)
    os.setuid(user)
    if LIBC.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "no_new_privs cannot be set")
