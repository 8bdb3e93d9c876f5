# Prints the names of the Fortran files that it reads, the last one to compile first: a module is compiled before what
# uses it.

BEGIN { USE = "^use( ?, ?(non_)?intrinsic)?( ?:: ?| )" }

{
    line = tolower($0)
    gsub(/[ \t\r]+/, " ", line)
    sub(/^ /, "", line)
}

line ~ /^module [a-z0-9_]+ ?(!|$)/ { owner[name("^module ")] = FILENAME }
line ~ USE "[a-z]" { uses[FILENAME] = uses[FILENAME] " " name(USE) }
line ~ /^submodule ?[(]/ { uses[FILENAME] = uses[FILENAME] " " name("^submodule ?[(] ?") }

END {
    for (i = 1; i < ARGC; i++)
        visit(ARGV[i])
    printf "%s", order
}

# What follows in the line.
function name(before) {
    sub(before, "", line)
    match(line, /^[a-z0-9_]+/)
    return substr(line, 1, RLENGTH)
}

function visit(file,    modules, count, i) {
    if (file in seen)
        return
    seen[file] = 1
    count = split(uses[file], modules, " ")
    for (i = 1; i <= count; i++)
        if (modules[i] in owner)
            visit(owner[modules[i]])
    order = file "\n" order
}
