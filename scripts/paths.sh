# Read by scripts that write files which name the folders of an installation.

# below path folder: the path from the folder, without the first /; fails if it is not below it
below() {
    case $1 in
    "$2") ;;
    "$2"/*) echo "${1#"$2"/}" ;;
    *) return 1 ;;
    esac
}

# up path: as many .. as the relative path has folders
up() { echo "$1" | sed 's|[^/][^/]*|..|g'; }

tidy() { printf '%s\n' "$1" | sed 's|//*|/|g; s|\(.\)/$|\1|'; }
