#!/bin/sh
# Runs a command that tests under ThreadSanitizer, or says why that is not possible here: the sanitizer needs its library,
# and a kernel whose address-space layout it can live with.
set -u
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
echo 'int main(void) { return 0; }' > "$work/probe.c"
if ! ${CC:-cc} -fsanitize=thread -o "$work/probe" "$work/probe.c" > /dev/null 2>&1; then
    echo "skipped: ThreadSanitizer is not installed"
elif "$work/probe" > /dev/null 2>&1; then
    "$@"
elif setarch "$(uname -m)" -R "$work/probe" > /dev/null 2>&1; then
    setarch "$(uname -m)" -R "$@"
else
    echo "skipped: ThreadSanitizer does not run on this kernel"
fi
