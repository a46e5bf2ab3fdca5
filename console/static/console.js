// The keyboard on every page: "/" goes to the search field, "j" and "k" move through a table's rows, Enter opens one.
(function () {
  "use strict";
  function typing(target) {
    return target.closest("input, select, textarea, [contenteditable]") !== null;
  }
  function move(step) {
    var rows = Array.from(document.querySelectorAll("tbody tr a.row, tbody tr td:first-child a"));
    if (rows.length === 0) { return; }
    var at = rows.indexOf(document.activeElement);
    rows[Math.max(0, Math.min(rows.length - 1, at + step))].focus();
  }
  document.addEventListener("keydown", function (event) {
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) { return; }
    if (event.key === "/") {
      var field = document.querySelector("input[type=search]");
      if (field) { field.focus(); event.preventDefault(); }
    } else if (event.key === "j") { move(1); } else if (event.key === "k") { move(-1); }
  });
  // Times are UTC in the page; shown in the viewer's zone, with UTC on hover.
  function localTimes(root) {
    root.querySelectorAll("time[datetime]").forEach(function (element) {
      var instant = new Date(element.getAttribute("datetime"));
      if (isNaN(instant) || element.dataset.local) { return; }
      element.dataset.local = "yes";
      element.title = element.textContent.trim() + " UTC";
      element.textContent = instant.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
    });
  }
  document.addEventListener("DOMContentLoaded", function () { localTimes(document); });
  document.addEventListener("htmx:afterSwap", function (event) { localTimes(event.target); });
})();
