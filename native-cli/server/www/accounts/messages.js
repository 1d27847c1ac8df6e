// @ts-check
// All texts of these pages.

const en = {
  signIn: "Sign in", register: "Create an account", toRegister: "Create an account", toSignIn: "I have an account",
  email: "E-mail address or name", password: "Password", repeated: "Password again",
  invitation: "Invitation (if you have one)",
  forgotten: "At least 8 characters. The password encrypts your data on this device; the server does not know it and cannot recover it.",
  intro: "This is a server for Firefox Sync: bookmarks, passwords, tabs and history of your own devices, encrypted before they leave them. Set up Firefox once with the file below, restart it, and choose “Sign in” in its menu. Without an account, create one here first.",
  setupTitle: "Set up Firefox",
  setupText: "Put user.js into Firefox's profile folder (about:profiles shows it). For all users of a computer, put autoconfig.js into defaults/pref and mozilla.cfg beside the Firefox program.",
  userJs: "user.js", autoconfig: "autoconfig.js", cfg: "mozilla.cfg",
  working: "One moment: the keys are being derived on this device.",
  registered: "The account is ready.", connected: "Firefox is signed in and syncs now. You can close this page.",
  signedInAs: "Signed in as {email}", signOut: "Sign out", signedOut: "You are signed out.",
  wrong: "The name or the password is wrong. Check both and try again.",
  exists: "An account with this name exists. Sign in instead.",
  closed: "This server accepts no registration without a valid invitation. Ask its operator for one.",
  throttled: "Too many attempts. Try again in {seconds} seconds.",
  offline: "The server does not answer. Check the connection and try again.",
  different: "The two passwords differ. Type the same one twice.",
  short: "The password is too short. Use at least 8 characters.",
  insecure: "This page needs https, or http on this computer (127.0.0.1): browsers offer no cryptography elsewhere.",
  refusedByBrowser: "Firefox did not accept the sign-in. Check that its preference identity.fxaccounts.autoconfig.uri is {origin}.",
  merge: "Firefox was signed in with another account and keeps its data separate. The sign-in was cancelled.",
  failed: "The server refused the request (number {errno}). Try again, or ask its operator.",
};

/** @type {typeof en} */
const de = {
  signIn: "Anmelden", register: "Konto anlegen", toRegister: "Konto anlegen", toSignIn: "Ich habe ein Konto",
  email: "E-Mail-Adresse oder Name", password: "Passwort", repeated: "Passwort wiederholen",
  invitation: "Einladung (falls vorhanden)",
  forgotten: "Mindestens 8 Zeichen. Das Passwort verschlüsselt Ihre Daten auf diesem Gerät; der Server kennt es nicht und kann es nicht wiederherstellen.",
  intro: "Dies ist ein Server für Firefox Sync: Lesezeichen, Passwörter, Tabs und Chronik Ihrer eigenen Geräte, verschlüsselt, bevor sie diese verlassen. Richten Sie Firefox einmal mit der Datei unten ein, starten Sie ihn neu und wählen Sie in seinem Menü „Anmelden“. Ohne Konto legen Sie hier zuerst eines an.",
  setupTitle: "Firefox einrichten",
  setupText: "Legen Sie user.js in den Profilordner von Firefox (about:profiles zeigt ihn). Für alle Benutzer eines Rechners legen Sie autoconfig.js nach defaults/pref und mozilla.cfg neben das Programm Firefox.",
  userJs: "user.js", autoconfig: "autoconfig.js", cfg: "mozilla.cfg",
  working: "Einen Moment: Die Schlüssel werden auf diesem Gerät abgeleitet.",
  registered: "Das Konto ist bereit.", connected: "Firefox ist angemeldet und synchronisiert jetzt. Sie können diese Seite schließen.",
  signedInAs: "Angemeldet als {email}", signOut: "Abmelden", signedOut: "Sie sind abgemeldet.",
  wrong: "Name oder Passwort ist falsch. Prüfen Sie beides und versuchen Sie es erneut.",
  exists: "Ein Konto mit diesem Namen gibt es schon. Melden Sie sich an.",
  closed: "Dieser Server nimmt ohne gültige Einladung keine Anmeldung neuer Konten an. Bitten Sie den Betreiber um eine.",
  throttled: "Zu viele Versuche. Versuchen Sie es in {seconds} Sekunden erneut.",
  offline: "Der Server antwortet nicht. Prüfen Sie die Verbindung und versuchen Sie es erneut.",
  different: "Die beiden Passwörter sind verschieden. Geben Sie zweimal dasselbe ein.",
  short: "Das Passwort ist zu kurz. Verwenden Sie mindestens 8 Zeichen.",
  insecure: "Diese Seite braucht https oder http auf diesem Rechner (127.0.0.1): Anderswo bieten Browser keine Kryptographie an.",
  refusedByBrowser: "Firefox hat die Anmeldung nicht angenommen. Prüfen Sie, ob die Einstellung identity.fxaccounts.autoconfig.uri {origin} ist.",
  merge: "Firefox war mit einem anderen Konto angemeldet und hält dessen Daten getrennt. Die Anmeldung wurde abgebrochen.",
  failed: "Der Server hat die Anfrage abgelehnt (Nummer {errno}). Versuchen Sie es erneut oder fragen Sie den Betreiber.",
};

export const languages = { en, de };
/** @typedef {keyof typeof en} Message */

/** @param {readonly string[]} preferred languages such as `de-AT` */
export function choose(preferred) {
  for (const language of preferred) {
    const short = language.slice(0, 2).toLowerCase();
    if (short === "en" || short === "de") return short;
  }
  return "en";
}

/** @param {"en" | "de"} language */
export const texts = (language) => (/** @type {Message} */ name, /** @type {Record<string, string | number>} */ values = {}) =>
  languages[language][name].replace(/\{(\w+)\}/g, (_, key) => String(values[key] ?? ""));
