
"use strict";
(() => {
  const runs = JSON.parse(document.getElementById("runs").textContent);
  const table = document.getElementById("trials");
  const heads = [...table.tHead.rows[0].cells];
  const names = heads.map(cell => cell.textContent);
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const text = (row, column) => row.cells[column].dataset.v ?? row.cells[column].textContent;
  const number = value => value === "inf" ? Infinity : value.trim() === "" ? NaN : Number(value);
  const numeric = names.map((_, column) =>
    rows.some(row => text(row, column) !== "") &&
    rows.every(row => text(row, column) === "" || !Number.isNaN(number(text(row, column)))));

  // The table.
  const sort = column => {
    const head = heads[column];
    const down = head.getAttribute("aria-sort") === "ascending";
    heads.forEach(other => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const sign = down ? -1 : 1;
    const order = (a, b) => {
      const [left, right] = [text(a, column), text(b, column)];
      if (left === "" || right === "") return (left === "") - (right === "");
      return sign * (numeric[column] ? number(left) - number(right) : left.localeCompare(right));
    };
    rows.sort(order);
    body.append(...rows);
  };
  heads.forEach((head, column) => {
    head.tabIndex = 0;
    head.addEventListener("click", () => sort(column));
    head.addEventListener("keydown", event => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      sort(column);
    });
  });

  const filter = document.getElementById("filter");
  const shown = () => rows.filter(row => !row.hidden);
  const matches = (row, word) => {
    const test = /^(.+?)(<=|>=|=|<|>)(.+)$/.exec(word);
    const column = test ? names.indexOf(test[1]) : -1;
    if (column < 0) return row.textContent.toLowerCase().includes(word.toLowerCase());
    const [value, bound] = [text(row, column), test[3]];
    if (!numeric[column]) return test[2] === "=" && value === bound;
    const [left, right] = [number(value), number(bound)];
    switch (test[2]) {
      case "<": return left < right;
      case ">": return left > right;
      case "<=": return left <= right;
      case ">=": return left >= right;
      default: return left === right;
    }
  };
  const apply = () => {
    const words = filter.value.split(/\s+/).filter(Boolean);
    rows.forEach(row => { row.hidden = !words.every(word => matches(row, word)); });
    document.getElementById("count").textContent = `${shown().length} of ${rows.length}`;
    draw();
  };
  filter.addEventListener("input", apply);

  // The pictures, each of which lies in the page once.
  const shots = [...document.querySelectorAll(".sheet .shot")];
  const of = id => shots.find(shot => shot.dataset.run === id);
  const small = id => of(id)?.querySelector("img")?.src;
  rows.forEach(row => {
    const place = row.querySelector(".shot");
    const source = place && small(place.dataset.run);
    if (!source) return;
    const image = document.createElement("img");
    image.src = source;
    image.alt = row.title;
    place.replaceChildren(image);
  });

  // The viewer.
  const viewer = document.getElementById("viewer");
  const [large, side] = [document.getElementById("large"), document.getElementById("side")];
  let current = null;
  let pinned = null;
  let seen = null;
  // Where the viewer was opened from, and is gone back to: the sheet, the table, or neither.
  let origin = null;
  const show = id => {
    seen = id;
    const run = runs[id];
    large.onerror = () => {
      large.onerror = null;
      const source = small(id);
      if (source) large.src = source;
    };
    large.src = run.file;
    large.alt = run.title;
    side.textContent = pinned === null ? "" : id === pinned ? "A" : "B";
    const facts = document.getElementById("facts");
    facts.replaceChildren();
    run.facts.forEach(([key, value]) => {
      const [term, text] = [document.createElement("dt"), document.createElement("dd")];
      [term.textContent, text.textContent] = [key, value];
      facts.append(term, text);
    });
    document.getElementById("recipe").textContent = JSON.stringify(run.recipe, null, 1);
  };
  const open = (id, from = origin) => {
    if (!runs[id]) return;
    current = id;
    origin = from;
    show(id);
    if (!viewer.open) viewer.showModal();
  };
  const pin = () => {
    pinned = pinned === current ? null : current;
    shots.forEach(shot => shot.classList.toggle("pinned", shot.dataset.run === pinned));
    show(current);
  };
  const flip = () => {
    if (pinned !== null) show(seen === pinned ? current : pinned);
  };
  document.getElementById("pin").addEventListener("click", pin);
  document.getElementById("flip").addEventListener("click", flip);
  document.getElementById("close").addEventListener("click", () => viewer.close());
  viewer.addEventListener("close", () => {
    const there = origin && [...origin.querySelectorAll(".shot")];
    there?.find(shot => shot.dataset.run === current)?.focus();
  });
  document.addEventListener("click", event => {
    const shot = event.target.closest(".shot");
    if (shot) open(shot.dataset.run, shot.closest(".sheet") ?? table);
  });

  // The picture beside another one on the sheet.
  const neighbour = (shot, key) => {
    const cell = shot.closest("td");
    const [across, down] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[key];
    const lines = [...cell.closest("table").tBodies[0].rows];
    let [column, line] = [cell.cellIndex, cell.parentElement.rowIndex - 1];
    for (;;) {
      column += across;
      line += down;
      const there = lines[line]?.cells[column];
      if (!there) return null;
      const found = there.querySelector(".shot");
      if (found) return found;
    }
  };
  document.addEventListener("keydown", event => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const arrow = event.key.startsWith("Arrow");
    if (viewer.open) {
      if (arrow) {
        const next = of(current) && neighbour(of(current), event.key);
        if (next) open(next.dataset.run);
      } else if (event.key === "m") pin();
      else if (event.key === " " || event.key === "f") flip();
      else return;
      event.preventDefault();
    } else if (arrow && document.activeElement.matches(".sheet .shot")) {
      neighbour(document.activeElement, event.key)?.focus();
      event.preventDefault();
    }
  });

  // The plot.
  const [xs, ys] = [document.getElementById("x"), document.getElementById("y")];
  const front = document.getElementById("front");
  names.forEach((name, column) => {
    if (!numeric[column]) return;
    [xs, ys].forEach(select => {
      const option = document.createElement("option");
      option.value = column;
      option.textContent = name;
      select.append(option);
    });
  });
  const choose = (select, wanted) => {
    const found = wanted.map(name => names.indexOf(name)).find(column => column >= 0 && numeric[column]);
    if (found !== undefined) select.value = found;
  };
  choose(xs, ["nfe", ...names.filter(name => name.startsWith("param."))]);
  choose(ys, ["latent_rmse", "clip_fraction"]);
  front.checked = names[xs.value] === "nfe" && names[ys.value] === "latent_rmse";

  const svg = document.getElementById("plot");
  const make = (kind, attributes, content) => {
    const node = document.createElementNS("http://www.w3.org/2000/svg", kind);
    Object.entries(attributes).forEach(([key, value]) => node.setAttribute(key, value));
    if (content !== undefined) node.textContent = content;
    svg.append(node);
    return node;
  };
  function draw() {
    svg.replaceChildren();
    const [left, right, top, bottom] = [70, 700, 20, 370];
    const points = shown().map(row => ({
      row, x: number(text(row, xs.value)), y: number(text(row, ys.value)),
    })).filter(point => Number.isFinite(point.x) && Number.isFinite(point.y));
    if (points.length === 0) { make("text", { x: 20, y: 30 }, "nothing to plot"); return; }
    const range = values => {
      const [low, high] = values.reduce(([low, high], value) =>
        [Math.min(low, value), Math.max(high, value)], [Infinity, -Infinity]);
      const room = (high - low || Math.abs(high) || 1) * 0.05;
      return [low - room, high + room];
    };
    const [x0, x1] = range(points.map(point => point.x));
    const [y0, y1] = range(points.map(point => point.y));
    const px = x => left + (x - x0) / (x1 - x0) * (right - left);
    const py = y => bottom - (y - y0) / (y1 - y0) * (bottom - top);
    for (let tick = 0; tick <= 4; tick++) {
      const [x, y] = [x0 + (x1 - x0) * tick / 4, y0 + (y1 - y0) * tick / 4];
      make("line", { class: "grid", x1: px(x), x2: px(x), y1: top, y2: bottom });
      make("line", { class: "grid", x1: left, x2: right, y1: py(y), y2: py(y) });
      make("text", { x: px(x), y: bottom + 16, "text-anchor": "middle" }, Number(x.toPrecision(3)));
      make("text", { x: left - 6, y: py(y) + 4, "text-anchor": "end" }, Number(y.toPrecision(3)));
    }
    make("text", { x: (left + right) / 2, y: bottom + 36, "text-anchor": "middle" }, names[xs.value]);
    make("text", { x: left, y: 12 }, names[ys.value]);
    const best = new Set();
    if (front.checked) {
      let low = Infinity;
      const line = [];
      [...points].sort((a, b) => a.x - b.x || a.y - b.y).forEach(point => {
        if (point.y < low) { low = point.y; best.add(point); line.push(`${px(point.x)},${py(point.y)}`); }
      });
      make("polyline", { points: line.join(" ") });
    }
    points.forEach(point => {
      const dot = make("circle", {
        cx: px(point.x), cy: py(point.y), r: 4, class: best.has(point) ? "front" : "",
      });
      const title = document.createElementNS("http://www.w3.org/2000/svg", "title");
      title.textContent = point.row.title;
      dot.append(title);
      dot.addEventListener("click", () => {
        const shot = point.row.querySelector(".shot");
        if (shot) open(shot.dataset.run, null); else point.row.scrollIntoView({ block: "center" });
      });
    });
  }
  [xs, ys, front].forEach(control => control.addEventListener("change", draw));
  apply();
})();
