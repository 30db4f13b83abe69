// Light, dark or as the system has it: chosen before anything is painted, kept in this browser.
(() => {
  const WORDS = { auto: "Auto", light: "Light", dark: "Dark" };
  const next = { auto: "light", light: "dark", dark: "auto" };
  const read = () => {
    try {
      const kept = localStorage.getItem("fedsched-theme");
      return Object.hasOwn(WORDS, kept ?? "") ? kept : "auto";
    } catch {
      return "auto"; // a browser that keeps nothing
    }
  };
  const show = (theme) => {
    document.documentElement.dataset.theme = theme;
    const button = document.getElementById("theme");
    if (button) {
      button.textContent = WORDS[theme];
      button.setAttribute("aria-label", `Colours: ${WORDS[theme]}. Change to ${WORDS[next[theme]]}`);
    }
  };
  show(read());
  document.addEventListener("DOMContentLoaded", () => {
    show(read());
    document.getElementById("theme").addEventListener("click", () => {
      const theme = next[document.documentElement.dataset.theme];
      try {
        localStorage.setItem("fedsched-theme", theme);
      } catch {
        // it lasts until the page is left
      }
      show(theme);
    });
  });
})();
