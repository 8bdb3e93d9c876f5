"""The client of the MCP project as it is published, pointed at this server."""

import base64
import os

import anyio
import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

URL = os.environ["LOCUS_URL"].rstrip("/") + "/mcp"
KEY = os.environ.get("LOCUS_KEY")

PLOT = """
import struct, zlib
def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
head = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
png = b"\\x89PNG\\r\\n\\x1a\\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\\0\\xff")) + chunk(b"IEND", b"")
open("plot.png", "wb").write(png)
"""


def client(http, mode):
    return Client(streamable_http_client(URL, http_client=http), mode=mode)


async def tools(client):
    names = [tool.name for tool in (await client.list_tools()).tools]
    assert names == ["run_code", "list_languages"], names
    languages = (await client.call_tool("list_languages", {})).structured_content["languages"]
    assert any(language["selector"] == "python" for language in languages), languages


async def program(client):
    arguments = {"language": "python", "code": "import sys\nprint(input()[::-1], *sys.argv[1:])", "stdin": "abc", "args": ["x"]}
    # The client checks what is structured against the tool's schema.
    result = await client.call_tool("run_code", arguments)
    assert not result.is_error, result
    assert result.structured_content["stdout"] == "cba x\n", result
    assert result.structured_content["exitCode"] == 0, result
    assert result.content[0].text.startswith("stdout:\ncba x\n"), result


async def image(client):
    result = await client.call_tool("run_code", {"language": "python", "code": PLOT, "outputFiles": ["plot.png"]})
    shown = result.content[1]
    assert (shown.type, shown.mime_type) == ("image", "image/png"), result
    assert base64.b64decode(shown.data).startswith(b"\x89PNG"), result


async def mistakes(client):
    for arguments, part in [
        ({"language": "klingon", "code": "qapla"}, "python"),
        ({"language": "python", "code": "", "timeoutSeconds": 0}, "timeoutSeconds"),
        ({"language": "python", "code": "", "cod": ""}, "cod"),
    ]:
        result = await client.call_tool("run_code", arguments)
        assert result.is_error and part in result.content[0].text, result


async def progress(client):
    heard = []

    async def hear(progress, total, message):
        heard.append(message)

    code = "import time\nprint('half way', flush=True)\ntime.sleep(2)\nprint('done')"
    await client.call_tool("run_code", {"language": "python", "code": code}, progress_callback=hear)
    assert any("half way" in (message or "") for message in heard), heard


async def cancelled(client, http):
    with anyio.move_on_after(2) as scope:
        await client.call_tool("run_code", {"language": "python", "code": "import time\ntime.sleep(200)"})
    assert scope.cancelled_caught
    root = URL.removesuffix("/mcp")
    with anyio.fail_after(30):
        while (await http.get(f"{root}/api/v1/runs", params={"phase": "Running"})).json()["runs"]:
            await anyio.sleep(0.1)


async def main():
    headers = {"Authorization": f"Bearer {KEY}"} if KEY else {}
    # The newest revision of the protocol where both have it, and the one with a handshake.
    for mode in ["auto", "legacy"]:
        async with httpx2.AsyncClient(headers=headers, timeout=60) as http, client(http, mode) as connected:
            for part in [tools, program, image, mistakes, progress]:
                await part(connected)
                print(f"{mode}: {part.__name__}: ok")
            await cancelled(connected, http)
            print(f"{mode}: cancelled: ok")


anyio.run(main)
