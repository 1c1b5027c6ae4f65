// Passkeys: hands what a form carries to the browser, and sends what the browser answers.
"use strict";

const toBytes = (text) =>
  Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (letter) => letter.charCodeAt(0));

const toText = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replace(/\+/g, "-")
    .replace(/\//g, "_")
    .replace(/=+$/, "");

const readable = (credentials) =>
  (credentials || []).map((credential) => ({ ...credential, id: toBytes(credential.id) }));

// WebAuthn §5.1.9: what travels as base64url becomes bytes again.
const read = (form) => {
  const { publicKey } = JSON.parse(form.dataset.options);
  publicKey.challenge = toBytes(publicKey.challenge);
  if (publicKey.user) {
    publicKey.user.id = toBytes(publicKey.user.id);
    publicKey.excludeCredentials = readable(publicKey.excludeCredentials);
  } else {
    publicKey.allowCredentials = readable(publicKey.allowCredentials);
  }
  return { publicKey };
};

const write = (credential) => {
  const { response } = credential;
  const written = { clientDataJSON: toText(response.clientDataJSON) };
  if (response.attestationObject) {
    written.attestationObject = toText(response.attestationObject);
    written.transports = response.getTransports ? response.getTransports() : [];
  } else {
    written.authenticatorData = toText(response.authenticatorData);
    written.signature = toText(response.signature);
    written.userHandle = response.userHandle ? toText(response.userHandle) : null;
  }
  return JSON.stringify({
    id: credential.id,
    rawId: toText(credential.rawId),
    type: credential.type,
    response: written,
    clientExtensionResults: {},
  });
};

const ask = async (form) => {
  const failed = form.querySelector("[data-failed]");
  failed.hidden = true;
  try {
    const options = read(form);
    const credential =
      form.dataset.passkey === "create"
        ? await navigator.credentials.create(options)
        : await navigator.credentials.get(options);
    form.elements.passkey.value = write(credential);
    form.submit();
  } catch {
    failed.hidden = false;
  }
};

for (const form of document.querySelectorAll("form[data-passkey]")) {
  if (!window.PublicKeyCredential) {
    form.querySelector("[data-unsupported]").hidden = false;
    continue;
  }
  form.querySelector("button").hidden = false;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    ask(form);
  });
}
