// LibreChat's own tools for programs, as they are published in @librechat/agents, pointed at this server by the
// environment variable that LibreChat has for it.
import assert from 'node:assert/strict';

const URL = process.env.LOCUS_URL.replace(/\/+$/, '');
const KEY = process.env.LOCUS_KEY;
process.env.LIBRECHAT_CODE_BASEURL = `${URL}/librechat`;

// The package's entry pulls in every provider of models. The tools are files of it, and need few others.
const { createCodeExecutionTool } = await import('./node_modules/@librechat/agents/dist/esm/tools/CodeExecutor.mjs');
const { createBashExecutionTool } = await import('./node_modules/@librechat/agents/dist/esm/tools/BashExecutor.mjs');

const authHeaders = KEY ? { 'X-API-Key': KEY } : {};

// As LibreChat's graph calls a tool: the files of earlier calls come beside the arguments.
async function call(make, args, files) {
  const tool = make({ authHeaders });
  const message = await tool.invoke(
    { name: tool.name, args, id: 'call', type: 'tool_call', ...(files ? { _injected_files: files } : {}) },
  );
  return { text: message.content, artifact: message.artifact };
}

async function file(session, id) {
  const response = await fetch(`${URL}/librechat/download/${session}/${id}`, { headers: authHeaders });
  assert.equal(response.status, 200);
  return response.text();
}

const checks = {
  async 'a program is run'() {
    const { text, artifact } = await call(createCodeExecutionTool, { lang: 'py', code: 'print(6 * 7)' });
    assert.equal(text, 'stdout:\n42');
    assert.match(artifact.session_id, /^[A-Za-z0-9_-]{21}$/);
    assert.equal(artifact.files, undefined);
  },

  async 'arguments reach it'() {
    const { text } = await call(createCodeExecutionTool, {
      lang: 'py', code: 'import sys; print(sys.argv[1:])', args: ['a', 'b c'],
    });
    assert.match(text, /\['a', 'b c'\]/);
  },

  async 'what it complains of is told'() {
    const { text } = await call(createCodeExecutionTool, { lang: 'py', code: 'raise ValueError("no")' });
    assert.match(text, /^stdout: Empty[\s\S]*stderr:\n[\s\S]*ValueError: no/);
  },

  async 'a file that it leaves is given to the next one, which changes it'() {
    const one = await call(createCodeExecutionTool, { lang: 'py', code: 'open("/mnt/data/a.csv", "w").write("1,2\\n")' });
    assert.match(one.text, /1 persisted file/);
    const [first] = one.artifact.files;
    assert.equal(first.name, 'a.csv');
    assert.equal(await file(one.artifact.session_id, first.id), '1,2\n');
    const files = [{ ...first, resource_id: 'user', kind: 'user' }];
    const two = await call(createCodeExecutionTool, { lang: 'py', code: 'open("/mnt/data/a.csv", "a").write("3,4\\n")' }, files);
    const [second] = two.artifact.files;
    assert.deepEqual(second.modified_from, { id: first.id, storage_session_id: first.storage_session_id });
    assert.equal(await file(second.storage_session_id, second.id), '1,2\n3,4\n');
    const three = await call(createCodeExecutionTool, { lang: 'py', code: 'print(open("/mnt/data/a.csv").read())' },
      [{ ...second, resource_id: 'user', kind: 'user' }]);
    assert.match(three.text, /1,2\n3,4/);
    assert.equal(three.artifact.files[0].inherited, true);
  },

  async 'a command is run'() {
    const { text } = await call(createBashExecutionTool, { command: 'cd /mnt/data && pwd -P && echo hello' });
    assert.equal(text, 'stdout:\n/work\nhello');
  },

  async 'a language that nobody has is a request to look at the input again'() {
    const tool = createCodeExecutionTool({ authHeaders, files: [{ id: '!', name: 'a', storage_session_id: '!' }] });
    await assert.rejects(tool.invoke({ lang: 'py', code: '' }), /request was rejected/);
  },
};

for (const [name, check] of Object.entries(checks)) {
  await check();
  console.log(`ok: ${name}`);
}
