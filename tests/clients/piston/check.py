"""Clients of Piston as they are published, each pointed at this server by its own settings and nothing else."""

import asyncio
import os

from pyston import File as PystonFile
from pyston import PystonClient
from pyston.exceptions import ExecutionError, InvalidLanguage
from ultra_piston import File, PistonClient
from ultra_piston.errors import BadRequestError, InternalServerError, NotFoundError

URL = os.environ["LOCUS_URL"]
KEY = os.environ.get("LOCUS_KEY")


def fails(error, call):
    try:
        call()
    except error as told:
        return str(told)
    raise AssertionError(f"it is no {error.__name__}")


def ultra_piston_runs_lists_and_is_refused():
    client = PistonClient(api_key=KEY, rate_limit=0.0, base_url=f"{URL}/api/v2/")
    python = next(runtime for runtime in client.get_runtimes() if runtime.language == "python")
    assert "py" in python.aliases and python.version.count(".") == 2, python
    assert any(package.language == "python" and package.installed for package in client.get_packages())
    fails(NotFoundError, lambda: client.post_packages("klingon", "*"))
    fails(InternalServerError, lambda: client.post_packages("python", "*"))

    program = File(name="main.py", content="import sys; print('hëllo', input(), sys.argv[1:])")
    done = client.post_execute("python", python.version, program, stdin="Piston", args=["a b"])
    assert (done.run.stdout, done.run.code, done.run.signal) == ("hëllo Piston ['a b']\n", 0, None), done
    assert (done.language, done.version, done.compile) == ("python", python.version, None), done

    slow = client.post_execute("py", "3.x", File(content="while True: pass"), run_timeout=500)
    assert (slow.run.code, slow.run.signal) == (None, "SIGKILL"), slow
    encoded = client.post_execute("python", "*", File(content="print(1)", encoding="utf8"))
    assert encoded.run.output == "1\n", encoded
    fails(BadRequestError, lambda: client.post_execute("klingon", "*", program))
    fails(BadRequestError, lambda: client.post_execute("python", "*", program, run_timeout=10**9))


async def aiopyston_runs_lists_and_is_refused():
    # Its paths have a slash at their end.
    client = PystonClient(api_key=KEY, base_url=f"{URL}/api/v2/piston/")
    assert "python" in await client.languages()
    assert (await client.get_runtimes("py3"))[0].language == "python"
    try:
        await client.get_runtimes("klingon")
        raise AssertionError("it is known")
    except InvalidLanguage:
        pass

    files = [PystonFile("import helper; print(helper.X)", "main.py"), PystonFile("X = 42", "helper.py")]
    done = await client.execute("python", files)
    assert (str(done), done.run_stage.code, done.compile_stage) == ("42\n", 0, None), done.raw_json
    failed = await client.execute("python", [PystonFile("import sys; print('no', file=sys.stderr); sys.exit(3)")])
    assert (failed.run_stage.output, failed.run_stage.code) == ("no\n", 3), failed.raw_json
    assert failed.raw_json["run"]["status"] == "RE", failed.raw_json
    if "c" in await client.languages():
        compiled = await client.execute("c", [PystonFile('#include <stdio.h>\nint main(void) { puts("hi"); }')])
        assert (str(compiled), compiled.compile_stage.code) == ("hi\n", 0), compiled.raw_json
        broken = await client.execute("c", [PystonFile("int main(void) { return x; }")])
        assert broken.compile_stage.code == 1 and "error" in str(broken), broken.raw_json
    try:
        await client.execute("klingon", files, version="1.x")
        raise AssertionError("it was run")
    except ExecutionError as told:
        assert str(told) == "klingon-1.x runtime is unknown", told
    await client.close_session()


ultra_piston_runs_lists_and_is_refused()
asyncio.run(aiopyston_runs_lists_and_is_refused())
