// Keeps an open page up to date, and copies commands. The pages work without it.
document.documentElement.classList.add("scripted");

const address = document.body.dataset.events;
const kept = 200;

if (address) {
  const events = new EventSource(address);
  // All HTML comes from the server, which has escaped what it shows.
  for (const part of ["clock", "buckets", "fleet"]) {
    events.addEventListener(part, (event) => {
      document.getElementById(part).innerHTML = JSON.parse(event.data);
    });
  }
  events.addEventListener("row", (event) => {
    if (!document.getElementById("live").checked) return;
    const rows = document.getElementById("rows");
    document.getElementById("none")?.remove();
    rows.insertAdjacentHTML("afterbegin", JSON.parse(event.data));
    while (rows.children.length > kept) rows.lastElementChild.remove();
  });
  addEventListener("pagehide", () => events.close());
}

document.addEventListener("click", async (event) => {
  const command = event.target.dataset?.copy;
  if (command === undefined) return;
  await navigator.clipboard.writeText(command);
  event.target.textContent = "Copied";
});
