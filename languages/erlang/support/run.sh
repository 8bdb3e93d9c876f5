# Runs main/1 of the main file's module with the arguments as strings, or else its main/0. A program that ends with an
# exception tells it on stderr and exits with 1.
module=${1##*/}
module=${module%.erl}
shift
exec erl -noshell -boot no_dot_erlang -mainModule "$module" -eval '
    io:setopts([{encoding, unicode}]),
    {ok, [[Name]]} = init:get_argument(mainModule),
    Module = list_to_atom(Name),
    Arguments = init:get_plain_arguments(),
    try
        code:ensure_loaded(Module),
        case erlang:function_exported(Module, main, 1) of
            true -> Module:main(Arguments);
            false -> Module:main()
        end
    of
        _ -> halt(0)
    catch
        Class:Reason:Stack ->
            io:put_chars(standard_error, [erl_error:format_exception(Class, Reason, Stack), $\n]),
            halt(1)
    end.' -extra "$@"
