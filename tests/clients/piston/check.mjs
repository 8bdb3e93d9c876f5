// A client of Piston as it is published, pointed at this server by its own setting and nothing else.

import assert from "node:assert/strict";
import { piston } from "piston-client";

const client = piston({ server: process.env.LOCUS_URL });

const runtimes = await client.runtimes();
const python = runtimes.find(({ language }) => language === "python");
assert.ok(python.aliases.includes("py"), JSON.stringify(python));

// It does not say that it sends JSON, and Piston takes nothing else: it can list languages and run nothing, there as here.
assert.deepEqual(await client.execute("python", "print(1)"), { message: "requests must be of type application/json" });
