"use strict";
(() => {
  const tip = document.getElementById("tip");

  const show = (text, event) => {
    tip.textContent = text;
    tip.hidden = false;
    const room = document.documentElement.clientWidth - tip.offsetWidth - 8;
    const above = event.clientY - tip.offsetHeight - 14;
    tip.style.left = `${Math.max(8, Math.min(event.clientX + 12, room))}px`;
    tip.style.top = `${above > 4 ? above : event.clientY + 18}px`;
  };
  const hide = () => { tip.hidden = true; };

  const readScale = (text) => {
    const [low, high, log] = text.split(" ").map(Number);
    const [a, b] = log ? [Math.log(low), Math.log(high)] : [low, high];
    return (fraction) => (log ? Math.exp(a + fraction * (b - a)) : a + fraction * (b - a));
  };
  const tell = (value) => String(Number(value.toPrecision(3))).replace("-", "−");

  const readOut = (plot, event) => {
    const [left, top, right, bottom] = plot.dataset.box.split(" ").map(Number);
    const place = new DOMPoint(event.clientX, event.clientY).matrixTransform(plot.getScreenCTM().inverse());
    if (place.x < left || place.x > right) { return null; }
    const near = (points) => points.reduce((a, b) => (Math.abs(b.x - place.x) < Math.abs(a.x - place.x) ? b : a));
    const lines = [...plot.querySelectorAll(".main:not(.dim)")].map((line) => ({
      name: line.dataset.name, point: near([...line.points]),
    }));
    if (!lines.length) { return null; }
    const at = near(lines.map((line) => line.point)).x;
    const x = readScale(plot.dataset.x), y = readScale(plot.dataset.y);
    const rows = lines.filter((line) => Math.abs(line.point.x - at) < 1).sort((a, b) => a.point.y - b.point.y)
      .map((line) => `${tell(y((bottom - line.point.y) / (bottom - top)))}  ${line.name}`);
    return `${plot.dataset.name} ${tell(x((at - left) / (right - left)))}\n${rows.join("\n")}`;
  };

  document.addEventListener("pointermove", (event) => {
    const mark = event.target.closest("[data-tip]");
    const plot = event.target.closest("svg[data-box]");
    const text = (mark && mark.dataset.tip) || (plot && readOut(plot, event));
    if (text) { show(text, event); } else { hide(); }
  });
  document.addEventListener("pointerleave", hide);
  window.addEventListener("scroll", hide, { passive: true });

  let alone = null;
  document.addEventListener("click", (event) => {
    const chip = event.target.closest("button[data-arm]");
    if (!chip) { return; }
    alone = alone === chip.dataset.arm ? null : chip.dataset.arm;
    document.querySelectorAll(".key button").forEach((one) => {
      one.setAttribute("aria-pressed", String(alone === one.dataset.arm));
      one.classList.toggle("dim", alone !== null && alone !== one.dataset.arm);
    });
    document.querySelectorAll(".plot .arm").forEach((mark) => {
      mark.classList.toggle("dim", alone !== null && !mark.classList.contains(`arm-${alone}`));
    });
  });

  document.querySelectorAll(".copy").forEach((button) => {
    button.hidden = false;
    button.addEventListener("click", async () => {
      const text = button.parentElement.querySelector("pre");
      try {
        await navigator.clipboard.writeText(text.textContent);
        button.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(text);
        button.textContent = "Selected";
      }
    });
  });

  const save = document.getElementById("save");
  save.hidden = false;
  save.addEventListener("click", () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([document.getElementById("data").textContent], { type: "application/json" }));
    link.download = save.dataset.name;
    link.click();
    URL.revokeObjectURL(link.href);
  });

  window.addEventListener("beforeprint", () => {
    document.querySelectorAll("details").forEach((part) => { part.open = true; });
  });
})();
