// Keeps the page for times without a network: programs can be written then, and run later. And it stops the runs of pages
// that have gone.

import type { Parting } from "./parting";

/** What the page is made of, and a name that changes with any of it; the build fills them in. */
declare const FILES: string[];
declare const VERSION: string;

const worker = self as unknown as ServiceWorkerGlobalScope;

const CACHE = `locus-${VERSION}`;
const scope = new URL(worker.registration.scope);
const LANGUAGES = new URL("api/v1/languages", scope).href;

worker.addEventListener("install", (event) => {
  const fill = async () => {
    const cache = await caches.open(CACHE);
    await cache.addAll(FILES.map((file) => new URL(file, scope).href));
    await worker.skipWaiting();
  };
  event.waitUntil(fill());
});

worker.addEventListener("activate", (event) => {
  const clean = async () => {
    const stale = (await caches.keys()).filter((name) => name.startsWith("locus-") && name !== CACHE);
    await Promise.all(stale.map((name) => caches.delete(name)));
    await worker.clients.claim();
  };
  event.waitUntil(clean());
});

worker.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== scope.origin) return;
  const path = url.pathname.slice(scope.pathname.length);
  // A file with a hash in its name never changes; everything else is as old as the network is away.
  if (path.startsWith("assets/")) event.respondWith(kept(request));
  else if (path === "") event.respondWith(fresh(request, scope.href));
  else if (path === "icon.svg" || url.href === LANGUAGES) event.respondWith(fresh(request, url.href));
});

worker.addEventListener("message", (event) => {
  const { cancel, key } = event.data as Parting;
  const headers: HeadersInit = key === "" ? {} : { Authorization: `Bearer ${key}` };
  const url = new URL(`api/v1/runs/${encodeURIComponent(cancel)}`, scope);
  event.waitUntil(fetch(url, { method: "DELETE", headers }).catch(() => undefined));
});

async function kept(request: Request): Promise<Response> {
  const known = await caches.match(request.url);
  if (known !== undefined) return known;
  const response = await fetch(request);
  if (response.ok) await (await caches.open(CACHE)).put(request.url, response.clone());
  return response;
}

async function fresh(request: Request, name: string): Promise<Response> {
  try {
    const response = await fetch(request);
    if (response.ok) await (await caches.open(CACHE)).put(name, response.clone());
    return response;
  } catch (failure) {
    const known = await caches.match(name);
    if (known === undefined) throw failure;
    return known;
  }
}
