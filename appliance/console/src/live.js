// Looks for what is new, and shows how far an upload is. Every page works without this.
"use strict";
(() => {
  const live = () => document.querySelectorAll("[data-live]");
  let busy = false, again = false;

  async function renew() {
    if (busy) { again = true; return; }
    busy = true;
    try {
      const answer = await fetch(location.href, { headers: { "x-mamoru-live": "1" }, credentials: "same-origin" });
      if (answer.redirected) { location.reload(); return; }
      if (!answer.ok) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const old of live()) {
        const fresh = page.getElementById(old.id);
        // What a person works with stays as it is.
        if (!fresh || fresh.outerHTML === old.outerHTML || old.contains(document.activeElement) || old.querySelector("details[open]")) continue;
        old.className = fresh.className;
        old.replaceChildren(...fresh.childNodes);
      }
    } catch { /* The device is away; the next attempt is not far. */ }
    finally {
      busy = false;
      if (again) { again = false; renew(); }
    }
  }

  if (live().length) {
    let events = null;
    const listen = () => {
      events = new EventSource("/api/v1/events");
      for (const name of ["overview", "studies", "work"]) events.addEventListener(name, renew);
    };
    listen();
    // Without a stream: once a minute, and a new stream.
    setInterval(() => { if (events.readyState === EventSource.CLOSED) { renew(); listen(); } }, 60000);
  }

  const form = document.getElementById("upload");
  if (form) form.addEventListener("submit", (event) => {
    event.preventDefault();
    const state = document.getElementById("upload-state"), button = form.querySelector("button");
    const bar = document.createElement("progress"), request = new XMLHttpRequest();
    bar.setAttribute("aria-label", "Upload");
    bar.max = 1;
    state.after(bar);
    button.disabled = true;
    state.textContent = "Sending the bundle. Keep this page open.";
    request.upload.onprogress = (sent) => { if (sent.lengthComputable) bar.value = sent.loaded / sent.total; };
    request.upload.onload = () => { state.textContent = "Sent. The device checks it."; };
    request.onloadend = () => {
      if (request.status && request.responseURL.endsWith("/models")) { location.assign("/models"); return; }
      bar.remove();
      button.disabled = false;
      state.textContent = request.status ? "Not installed: the device does not take it. Load the page again and repeat it." : "Not installed: the connection broke off. Try again.";
    };
    const fields = new FormData(form);
    request.open("POST", form.action);
    // What is to be said of it, the page says that comes after.
    request.setRequestHeader("x-mamoru-live", "1");
    request.send(fields);
  });
})();
