// Applies the theme chosen in Airflow (stored by this browser), else the system's. Runs before the first paint.
(() => {
  const apply = () => {
    let theme = null;
    try { theme = localStorage.getItem("theme"); } catch { /* storage is blocked: use the system's theme */ }
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
    else delete document.documentElement.dataset.theme;
    document.dispatchEvent(new Event("themechange"));
  };
  apply();
  addEventListener("storage", (event) => { if (event.key === "theme") apply(); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", apply);
})();
