// Tells the page that frames this one how the connection flow ended, as Kombo's own page does.
"use strict";

const framing = window.parent === window ? window.opener : window.parent;
const token = document.querySelector("[data-activation-token]");
if (framing && token) {
  framing.postMessage({ type: "success", data: { activation_token: token.dataset.activationToken } }, "*");
}
document.addEventListener("click", (event) => {
  if (framing && event.target.closest("[data-close]")) framing.postMessage({ type: "close" }, "*");
});
