// What the page can do without, made a little better: the theme of the Airflow around it, links out of its frame,
// and a fresh look every minute while nobody is writing.
(() => {
  "use strict";
  const framed = window.parent !== window;

  const outer = () => { try { return window.parent.document; } catch { return null; } };

  const follow = (root) => {
    const take = () => {
      const theme = root.classList.contains("dark") ? "dark" : root.classList.contains("light") ? "light" : "";
      if (theme) document.documentElement.dataset.theme = theme;
    };
    take();
    new MutationObserver(take).observe(root, { attributes: true, attributeFilter: ["class"] });
  };
  if (framed && outer()) follow(outer().documentElement);

  // Airflow's frame may not lead its own page away; a link of that page may.
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-airflow]");
    if (!link || !framed || !outer()) return;
    event.preventDefault();
    const twin = outer().createElement("a");
    twin.href = link.href;
    outer().body.append(twin);
    twin.click();
    twin.remove();
  });

  const isBusy = () => {
    const active = document.activeElement;
    const isTyping = active && active.matches("input, button, summary");
    const isOpen = document.querySelector("main details[open]");
    const isWritten = [...document.querySelectorAll("main input:not([type=hidden])")].some((i) => i.value);
    return document.hidden || isTyping || isOpen || isWritten;
  };

  const lookAgain = async () => {
    if (isBusy()) return;
    const address = new URL(window.location.href);
    address.searchParams.delete("done");
    const answer = await fetch(address, { headers: { Accept: "text/html" } });
    if (!answer.ok) throw new Error(answer.statusText);
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (isBusy()) return;
    document.title = fresh.title;
    document.querySelector("main").replaceChildren(...fresh.querySelector("main").childNodes);
    document.querySelector("header.top").replaceChildren(...fresh.querySelector("header.top").childNodes);
  };

  // A page that has gone stale must say so: somebody decides by it.
  const sayStale = () => {
    if (document.querySelector(".stale")) return;
    const note = document.createElement("p");
    note.className = "told stale";
    note.setAttribute("role", "alert");
    note.textContent = "This page could not look again, so what it shows may be old. Reload it; you may have to log in.";
    document.querySelector("main").prepend(note);
  };

  if (document.querySelector("main[data-again]")) setInterval(() => lookAgain().catch(sayStale), 60000);
})();
