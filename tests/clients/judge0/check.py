"""Clients of Judge0 as they are published, each pointed at this server by its own settings and nothing else."""

import asyncio
import json
import os

URL = os.environ["LOCUS_URL"]
KEY = os.environ.get("LOCUS_KEY")

# The official client is told of a server of one's own by its environment.
os.environ["JUDGE0_CE_ENDPOINT"] = URL
os.environ["JUDGE0_CE_AUTH_HEADERS"] = json.dumps({"X-Auth-Token": KEY} if KEY else {})

import judge0
import judge0api
from judge0_client import Judge0Client, Judge0Error, SingleFileSubmission, SubmissionStatusId


def official_client_runs_judges_and_waits():
    client = judge0.get_client()
    assert client.version == "1.13.1"
    assert client.is_language_supported(judge0.PYTHON)
    assert client.get_language(71).name.startswith("Python (3")
    assert [status["id"] for status in client.get_statuses()] == list(range(1, 15))

    done = judge0.run(source_code="print('hëllo', input())", language=judge0.PYTHON, stdin="Judge0")
    assert (done.stdout, done.status) == ("hëllo Judge0\n", judge0.Status.ACCEPTED), done
    assert done.time is not None and done.memory > 0 and done.finished_at >= done.created_at, done

    cases = [("2", "4"), ("3", "9"), ("4", "15")]
    judged = judge0.run(source_code="print(int(input()) ** 2)", language=judge0.PYTHON, test_cases=cases)
    expected = [judge0.Status.ACCEPTED, judge0.Status.ACCEPTED, judge0.Status.WRONG_ANSWER]
    assert [one.status for one in judged] == expected, judged

    many = [judge0.Submission(source_code=f"print({n})", language=judge0.PYTHON) for n in range(25)]
    assert [one.stdout for one in judge0.run(submissions=many)] == [f"{n}\n" for n in range(25)]

    files = judge0.Filesystem(content=[judge0.File(name="helper.py", content="X = 42")])
    program = judge0.Submission(
        source_code="import helper, sys; print(helper.X, sys.argv[1])",
        language=judge0.PYTHON,
        additional_files=files,
        command_line_arguments="a",
        cpu_time_limit=2,
        redirect_stderr_to_stdout=True,
    )
    assert judge0.run(submissions=program).stdout == "42 a\n"

    failed = judge0.run(source_code="raise SystemExit(3)", language=judge0.PYTHON)
    assert (failed.status, failed.exit_code) == (judge0.Status.RUNTIME_ERROR_NZEC, 3), failed
    slow = judge0.run(source_code="while True: pass", language=judge0.PYTHON, cpu_time_limit=0.5, cpu_extra_time=0)
    assert slow.status == judge0.Status.TIME_LIMIT_EXCEEDED, slow


async def asynchronous_client_asks_until_the_end():
    async with Judge0Client(URL, auth_token=KEY) as client:
        submission = SingleFileSubmission(
            language_id=71,
            source_code="import helper; print(helper.X + input())",
            stdin="b",
            expected_output="ab",
            additional_files={"helper.py": "X = 'a'"},
        )
        token = (await client.create_submission(submission)).token
        while (detail := await client.get_submission(token)).status.id <= SubmissionStatusId.PROCESSING:
            await asyncio.sleep(0.05)
        assert (detail.stdout, detail.status.id) == ("ab\n", SubmissionStatusId.ACCEPTED), detail

        try:
            await client.create_submission(SingleFileSubmission(language_id=12345678, source_code="x"))
        except Judge0Error as error:
            assert "HTTP 422" in str(error) and "language with id 12345678 doesn't exist" in str(error), error
        else:
            raise AssertionError("a language that never was is refused")
        assert (await client.get_about()).version == "1.13.1"
        assert (await client.get_workers())[0].available > 0
        assert await client.get_isolate() and "Apache" in await client.get_license()


def older_client_waits_in_the_request():
    client = judge0api.Client(URL, auth_token=KEY)
    submission = judge0api.submission.submit(
        client, b"print(f'Hello {input()}')", 71, stdin=b"Judge0", expected_output=b"Hello Judge0"
    )
    assert submission.status["id"] == judge0api.Judge0Status.ACCEPTED.value, submission.status
    again = judge0api.submission.get(client, submission.token)
    assert again.stdout == b"Hello Judge0\n" and again.language_id == 71


official_client_runs_judges_and_waits()
asyncio.run(asynchronous_client_asks_until_the_end())
older_client_waits_in_the_request()
