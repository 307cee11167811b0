// Suggests names of entries while somebody types; without it the page works the same.
(() => {
  const field = document.querySelector("[data-suggest]");
  const list = field && document.getElementById(field.getAttribute("list"));
  if (!list) return;
  let waiting;
  field.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(async () => {
      if (!field.value.trim()) return list.replaceChildren();
      const answer = await fetch(`${field.dataset.suggest}?q=${encodeURIComponent(field.value.slice(0, 100))}`);
      if (!answer.ok) return;
      const { names } = await answer.json();
      list.replaceChildren(...names.map((name) => Object.assign(document.createElement("option"), { value: name })));
    }, 200);
  });
})();
