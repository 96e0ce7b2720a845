#!/bin/sh
# Prints a file of the CMake package, made of a template below cmake/, for VERSION, POINTER (bytes), SOFILE, SONAME, LIBS
# (what the archive needs) and the folders prefix, libdir and includedir in the environment.
#
#     scripts/cmake-config.sh cmake/NAME.in
#
# The headers are named relative to the file's own folder where both are below the prefix, so that an installed tree can be
# moved; else by their absolute path.
set -eu
. scripts/paths.sh

prefix=$(tidy "$prefix") libdir=$(tidy "$libdir") includedir=$(tidy "$includedir")
if from=$(below "$libdir/cmake/vae" "$prefix") && to=$(below "$includedir" "$prefix"); then
    include='${_vae_here}'/$(up "$from")/$to
else
    include=$(printf '%s\n' "$includedir" | sed 's/[\\"$;]/\\&/g')
fi

# Values go through the environment: awk and sed would read \ and & in them.
INCLUDE=$include awk '
    function put(name, value,    at) {
        at = index($0, "@" name "@")
        if (at) $0 = substr($0, 1, at - 1) value substr($0, at + length(name) + 2)
    }
    {
        put("version", ENVIRON["VERSION"])
        put("pointer", ENVIRON["POINTER"])
        put("include", ENVIRON["INCLUDE"])
        put("sofile", ENVIRON["SOFILE"])
        put("soname", ENVIRON["SONAME"])
        put("libs", ENVIRON["LIBS"])
        print
    }' "$1"
