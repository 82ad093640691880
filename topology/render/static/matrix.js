// The reachability matrix, by nodes, segments or zones.
function showMatrix(by) {
  const { names, rows } = data().matrices[by];
  const head = element("tr", {}, element("th", { scope: "col" }, "from ╲ to"),
    ...names.map((name) => element("th", { scope: "col", class: "column" }, element("span", {}, name))));
  const body = names.map((row) => element("tr", {}, element("th", { scope: "row" }, row),
    ...names.map((column) => {
      const lines = data().cells[rows[row]?.[column]];
      if (row === column && by === "node") return element("td", { class: "self" }, "·");
      if (lines === undefined) return element("td", { class: "closed", title: `${row} → ${column}: nothing` }, "–");
      const title = `${row} → ${column}: ${lines.join(", ")}`;
      if (names.length > 16) return element("td", { class: "open", title, "aria-label": title }, "●");
      const parts = lines.flatMap((line) => [line, element("br")]).slice(0, -1);
      const cell = element("td", { class: "open", title });
      if (by !== "node") {
        cell.append(...parts);
        return cell;
      }
      cell.append(element("button", { type: "button", "aria-label": title, onclick: () => chooseBoth(row, column) }, ...parts));
      return cell;
    })));
  const caption = "Which services the rows open on the columns. Answers are not looked at.";
  document.getElementById("grid").replaceChildren(
    element("table", { class: names.length > 16 ? "many" : "" },
      element("caption", {}, caption), element("thead", {}, head), element("tbody", {}, ...body)));
}

function setUpMatrix() {
  const choice = document.getElementById("by");
  choice.addEventListener("change", () => showMatrix(choice.value));
  if (choice.value) showMatrix(choice.value);
}
