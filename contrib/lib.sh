# shellcheck shell=sh
# What the scripts of contrib and .ci share: saying what is done, installing
# what is missing, building. To be sourced in the project's folder.

# shellcheck disable=SC2034 # used by those who source this
BUILD_PACKAGES='build-essential cmake pkg-config libevent-dev libbsd-dev liblmdb-dev libseccomp-dev libsqlite3-dev libcrypt-dev libutf8proc-dev'
# shellcheck disable=SC2034
TEST_PACKAGES='check file python3 netcat-openbsd telnet'
# shellcheck disable=SC2034
# (file: cpack asks it which files are programs; dpkg-dev: what these depend on)
PACKAGE_PACKAGES='dpkg-dev file'

say() {
	printf '==> %s\n' "$*"
}

die() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

# Runs a command as root: at once, or through sudo.
as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		die "\"$1\" needs root, and there is no sudo here. Run this" \
		    "as root${MISSING:+, or have an admin install: $MISSING}."
	fi
}

# What need_packages() has found to be missing.
MISSING=

# Prints those of its arguments that are not installed Debian packages.
missing_packages() {
	for package; do
		status=$(dpkg-query -W -f '${db:Status-Status}' "$package" \
		    2>/dev/null) || status=
		[ "$status" = installed ] || printf '%s ' "$package"
	done
}

# Prints what of the things needed to build and test is not there, on a system
# whose packages have names that we do not know.
missing_things() {
	command -v cc >/dev/null || printf 'a C compiler, '
	for tool in cmake pkg-config; do
		command -v "$tool" >/dev/null || printf '%s, ' "$tool"
	done
	for library in libevent_core libbsd lmdb libseccomp sqlite3 libxcrypt libutf8proc; do
		pkg-config --exists "$library" 2>/dev/null ||
		    printf 'the library %s with its headers, ' "$library"
	done
	case $* in *python3*)
		pkg-config --exists check 2>/dev/null ||
		    printf 'the library check with its headers, '
		for tool in python3 nc telnet; do
			command -v "$tool" >/dev/null || printf '%s, ' "$tool"
		done ;;
	esac
}

# Sees to it that Debian packages (or elsewhere, what is in them) are there.
need_packages() {
	[ "$(uname -s)" = Linux ] ||
		die "banterd is a program for Linux; this is $(uname -s)."
	if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null
	then
		say "This is not Debian or Ubuntu. These Debian packages, or yours like them, are needed: $*"
		MISSING=$(missing_things "$@")
		[ -z "$MISSING" ] ||
			die "not found here: ${MISSING%, }. Install it and try again."
		say "All of it is there."
		return
	fi
	MISSING=$(missing_packages "$@")
	MISSING=${MISSING% }
	if [ -z "$MISSING" ]; then
		say "All packages that are needed are there."
		return
	fi
	say "Installing packages: $MISSING"
	# A source of packages that has nothing to do with us may fail.
	as_root apt-get -q update ||
		say "Not every list of packages could be fetched; going on."
	# shellcheck disable=SC2086 # words on purpose
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
	    -o DPkg::Lock::Timeout=120 install --no-install-recommends \
	    $MISSING </dev/null ||
		die "the packages could not be installed: $MISSING." \
		    "Is there a network connection, and may this account install?" \
		    "apt-get says above what went wrong."
}

# Configures a preset of CMakePresets.json in build/NAME:
# configure_in NAME PRESET [CMAKE-OPTION]...
configure_in() {
	directory=build/$1
	preset=$2
	shift 2
	cmake --preset "$preset" -B "$directory" "$@" ||
		die "cmake could not configure the build; it says why above."
}

# The same, and builds it.
build_in() {
	say "Building in build/$1 (preset $2)"
	configure_in "$@"
	cmake --build "$directory" --parallel "$(nproc)" ||
		die "the build failed; the first error above says why."
}
