"use strict";
(function () {
  var rows = Array.prototype.slice.call(document.querySelectorAll("#operations tr[data-search]"));
  var text = document.getElementById("search"), state = document.getElementById("state");
  var data = document.getElementById("data"), shown = document.getElementById("shown");
  var form = document.getElementById("filters");
  function filter() {
    var words = text.value.toLowerCase().split(/\s+/).filter(Boolean), n = 0;
    rows.forEach(function (row) {
      var d = row.dataset;
      var good = words.every(function (w) { return d.search.indexOf(w) >= 0; }) &&
        (!state.value || d.states.indexOf("|" + state.value + "|") >= 0) &&
        (!data.value || d.data.indexOf("|" + data.value + "|") >= 0);
      row.hidden = !good;
      if (good) { n++; }
    });
    shown.textContent = n + " of " + rows.length + " shown";
  }
  form.hidden = false;
  form.addEventListener("input", filter);
  form.addEventListener("submit", function (e) { e.preventDefault(); });
  filter();
})();
