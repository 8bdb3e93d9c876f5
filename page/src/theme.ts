// Runs before the page is drawn, so that it is never drawn in the colours that nobody has chosen.

const asked = new URLSearchParams(location.search).get("theme");
let chosen: unknown = asked;
try {
  chosen = asked ?? JSON.parse(localStorage.getItem("locus.theme") ?? "null");
} catch {
  // A browser that keeps nothing follows the system.
}
if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
