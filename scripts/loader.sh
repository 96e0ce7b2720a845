#!/bin/sh
# After an installation: makes the shared library known to the loader, or says what is left to do. Fails never, since what
# is installed is there.
#
#     scripts/loader.sh install|uninstall destdir libdir soname      LDCONFIG, PKG_CONFIG from the environment
set -u
action=$1 destdir=$2 libdir=$3 soname=$4
PKG_CONFIG=${PKG_CONFIG:-pkg-config}
PATH=$PATH:/usr/sbin:/sbin # where ldconfig is, and where users other than root often do not look
ldconfig=${LDCONFIG:-ldconfig}

say() { [ "$action" = uninstall ] || echo "make install: $1"; }

# Whether the loader's configuration names the folder: ldconfig -v says "folder:" or "folder: (from file:line)".
configured() {
    $ldconfig -v -N -X 2> /dev/null | sed -n 's|^\(/.*\):\( (from .*)\)*$|\1|p' | while read -r folder; do
        [ "$folder" -ef "$libdir" ] && echo yes
    done | grep -q yes
}

if [ -n "$destdir" ]; then
    say "the files are in $destdir; whoever moves them to $libdir then runs ldconfig, if the loader looks there"
    exit
fi
if ! configured; then
    say "the loader does not look for $soname in $libdir: link programs with -Wl,-rpath,$libdir, or run them with \
LD_LIBRARY_PATH=$libdir, or add $libdir to /etc/ld.so.conf.d and run ldconfig"
elif ! $ldconfig 2> /dev/null; then
    say "run ldconfig as root, so that programs find $soname in $libdir"
fi
[ "$action" = uninstall ] || [ "$($PKG_CONFIG --variable=pcfiledir vae 2> /dev/null)" -ef "$libdir/pkgconfig" ] ||
    say "pkg-config does not look in $libdir/pkgconfig: set PKG_CONFIG_PATH=$libdir/pkgconfig"
