#!/bin/sh
# Plants the faults of mutants.rows one by one and requires the named unit test to fail for each: a test that passes
# tests nothing. TAP on stdout. mutants.sh [PATTERN]: only the rows whose line matches.
# shellcheck disable=SC2086 # lists of words are meant
set -eu
cd "$(dirname "$0")/../.."
here=build/mutants
compile="${CC:-cc} -std=c11 -D_GNU_SOURCE -Isendmail -Itests -w -O0 $(cat build/cflags)"
libs="-Wl,--as-needed $(cat build/libs)"

# try NUMBER: one row, from the file of that number. Prints what came of it.
try() {
	folder=$here/$1
	row=$(cat "$folder/row")
	name=${row%% | *} row=${row#* | }
	file=${row%% | *} row=${row#* | }
	expression=${row% | *} test=${row##* | }
	object=$(echo "$file" | tr / _ | sed 's/c$/o/')
	sed -E "$expression" "sendmail/$file" > "$folder/mutant.c"
	if cmp -s "sendmail/$file" "$folder/mutant.c"; then
		echo "not ok $1 - $name # the expression changes nothing"
	elif ! $compile -c -o "$folder/$object" "$folder/mutant.c" 2> "$folder/errors"; then
		echo "not ok $1 - $name # does not compile: $(head -n 1 "$folder/errors")"
	else
		others=$(find "$here/common" -name '*.o' ! -name "$object")
		$compile -o "$folder/test" "$here/tests/$test.o" "$folder/$object" $others $libs
		if timeout 20 "$folder/test" > "$folder/out" 2>&1; then
			echo "not ok $1 - $name # $test passes"
		else
			echo "ok $1 - $name"
		fi
	fi
	rm -f "$folder/test" "$folder"/*.o
}

if [ "${1:-}" = --try ]; then
	try "$2" > "$here/$2/verdict"
	exit 0
fi

rm -rf "$here"
mkdir -p "$here/common" "$here/tests"
jobs=$(nproc 2>/dev/null || echo 2)
for source in sendmail/base/buffer.c sendmail/base/crypto.c sendmail/base/encode.c sendmail/message/*.c sendmail/smtp/*.c; do
	echo "$here/common/$(echo "${source#sendmail/}" | tr / _ | sed 's/c$/o/') $source"
done > "$here/sources"
sed -E '/^(#|$)/d' tests/shape/mutants.rows | grep -e "${1:-.}" > "$here/rows"
sed 's/.* | //' "$here/rows" | sort -u | while read -r test; do
	echo "$here/tests/$test.o tests/unit/$test.c"
done >> "$here/sources"
xargs -P "$jobs" -L 1 $compile -c -o < "$here/sources"

# Without a fault every test passes.
for test in "$here"/tests/*.o; do
	$compile -o "${test%.o}" "$test" "$here"/common/*.o $libs
	"${test%.o}" > "${test%.o}.out" || { echo "Bail out! ${test%.o} fails without a fault"; exit 1; }
done

count=0
while IFS= read -r row; do
	count=$((count + 1))
	mkdir "$here/$count"
	printf '%s\n' "$row" > "$here/$count/row"
done < "$here/rows"
seq "$count" | xargs -P "$jobs" -n 1 tests/shape/mutants.sh --try
for number in $(seq "$count"); do
	cat "$here/$number/verdict"
done > "$here/verdicts"
echo "1..$count"
cat "$here/verdicts"
! grep -q '^not ok' "$here/verdicts"
