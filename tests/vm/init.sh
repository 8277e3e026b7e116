#!/bin/busybox sh
# The first program of the virtual machine: the host's files below a layer in memory, control
# groups of version 2, a disk; then /script in there, which ends it. See tests/vm/__main__.py.
b=/bin/busybox

fail() {
  echo "galaxy-vm: $1"
  echo "galaxy-vm: exit 70"
  $b poweroff -f
}

$b mount -t proc proc /proc
$b mount -t devtmpfs dev /dev
for module in $($b cat /modules/order); do
  $b insmod "/modules/$module.ko" || fail "cannot load the module $module"
done
$b mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,cache=loose,ro host /host \
  || fail "cannot see the host's files"
$b mount -t tmpfs -o size=75% tmpfs /over
$b mkdir /over/upper /over/work
$b mount -t overlay -o lowerdir=/host,upperdir=/over/upper,workdir=/over/work overlay /root \
  || fail "cannot lay a layer over the host's files"
cd /root
$b mount -t proc proc proc
$b mount -t sysfs sys sys
$b mount -t devtmpfs dev dev
$b mkdir -p dev/pts dev/shm scratch
$b mount -t devpts devpts dev/pts
$b mount -t tmpfs shm dev/shm
$b mount -t cgroup2 cgroup2 sys/fs/cgroup || fail "there are no control groups of version 2"
$b ip link set lo up
$b hostname galaxy-vm
echo bfq > sys/block/vda/queue/scheduler
# A root that is a mount of its own, as on every machine: /init is gone from here on.
$b cp /bin/busybox busybox
script=$($b cat /script)
exec $b switch_root . /bin/sh -c "$script"
