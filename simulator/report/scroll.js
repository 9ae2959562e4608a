// A table or drawing wider than its place shows that there is more: a disc with an arrow, and a fade, until its end.
for (const wide of document.querySelectorAll(".wide")) {
  const box = Object.assign(document.createElement("div"), { className: "box" });
  wide.before(box);
  box.append(wide);
  const cue = () => box.classList.toggle("more", wide.scrollLeft + wide.clientWidth < wide.scrollWidth - 4);
  wide.addEventListener("scroll", cue, { passive: true });
  new ResizeObserver(cue).observe(wide);
}
