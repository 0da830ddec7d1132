// Airflow's own choice of light or dark, as it keeps it in this browser; else the system's. Runs before the first paint.
(() => {
  const apply = () => {
    let chosen = null;
    try { chosen = localStorage.getItem("theme"); } catch { /* storage is closed: the system's choice */ }
    if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
    else delete document.documentElement.dataset.theme;
    document.dispatchEvent(new Event("themechange"));
  };
  apply();
  addEventListener("storage", (event) => { if (event.key === "theme") apply(); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", apply);
})();
