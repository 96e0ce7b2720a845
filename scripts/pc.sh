#!/bin/sh
# Prints vae.pc, made of pkgconfig/libvae.pc.in, for the folders, VERSION, REQUIRES and LIBS in the environment: prefix,
# exec_prefix, libdir, includedir.
#
# The prefix is written relative to the file's own folder, so that an installed tree can be moved, where that is possible and
# right: libdir is below the prefix; the prefix is not below /usr, which stays where it is and whose folders pkg-config knows
# by their names; and it holds nothing that has to be escaped, since pkg-config 0.29 does not escape its own folder. Otherwise
# the tree can be moved if pkg-config is given --define-prefix.
set -eu
. scripts/paths.sh

escape() { printf '%s\n' "$1" | sed "s/[][ \"'\\\\#\$&();<>|*?~\`]/\\\\&/g"; }

# Paths below the prefix as such.
in_prefix() {
    if rest=$(below "$1" "$prefix"); then
        printf '%s\n' "\${prefix}${rest:+/$(escape "$rest")}"
    else
        escape "$1"
    fi
}

prefix=$(tidy "$prefix") exec_prefix=$(tidy "$exec_prefix") libdir=$(tidy "$libdir") includedir=$(tidy "$includedir")

own=$(escape "$prefix")
if [ "$own" = "$prefix" ] && ! below "$prefix" /usr > /dev/null && rest=$(below "$libdir/pkgconfig" "$prefix"); then
    own="\${pcfiledir}/$(up "$rest")"
fi

# Values go through the environment: awk and sed would read \ and & in them.
OWN=$own EXEC=$(in_prefix "$exec_prefix") LIB=$(in_prefix "$libdir") INCLUDE=$(in_prefix "$includedir") \
    awk '
    function put(name, value,    at) {
        at = index($0, "@" name "@")
        if (at) $0 = substr($0, 1, at - 1) value substr($0, at + length(name) + 2)
    }
    {
        put("prefix", ENVIRON["OWN"])
        put("exec_prefix", ENVIRON["EXEC"])
        put("libdir", ENVIRON["LIB"])
        put("includedir", ENVIRON["INCLUDE"])
        put("version", ENVIRON["VERSION"])
        put("requires", ENVIRON["REQUIRES"])
        put("libs", ENVIRON["LIBS"])
        print
    }' pkgconfig/libvae.pc.in
