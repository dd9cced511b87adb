// @ts-check
/** What the control says, in the visitor's language where it is here, else in English. */

/**
 * @typedef {object} Strings
 * @property {string} group
 * @property {string} language
 * @property {(language: string) => string} translate
 * @property {(megabytes: string) => string} once
 * @property {string} cancel
 * @property {string} undo
 * @property {(loaded: string, total: string) => string} downloading
 * @property {string} starting
 * @property {string} translating
 * @property {(language: string) => string} translated
 * @property {string} hover
 * @property {string} saveData
 * @property {string} insecure
 * @property {string} noSimd
 * @property {(from: string) => string} unavailable
 * @property {(reason: string) => string} failed
 * @property {string} original
 */

/** @type {Record<string, Strings>} */
const STRINGS = {
  en: {
    group: "Translation",
    language: "Language",
    translate: (language) => `Translate into ${language}`,
    once: (megabytes) => `${megabytes} MB, once`,
    cancel: "Cancel",
    undo: "Show original",
    downloading: (loaded, total) => `Downloading: ${loaded} of ${total} MB.`,
    starting: "Starting…",
    translating: "Translating on your device…",
    translated: (language) => `Machine-translated from ${language} on your device.`,
    hover: "Point at a text to see the original.",
    saveData: "Your browser asks to save data.",
    insecure: "This page is not served over https: the model cannot be kept here and is downloaded at each visit.",
    noSimd: "This browser is too old to translate here: it has no WebAssembly SIMD.",
    unavailable: (from) => `There is no model for translations from ${from} here.`,
    failed: (reason) => `Not translated: ${reason}.`,
    original: "Original",
  },
  fr: {
    group: "Traduction",
    language: "Langue",
    translate: (language) => `Traduire en ${language}`,
    once: (megabytes) => `${megabytes} Mo, une seule fois`,
    cancel: "Annuler",
    undo: "Afficher l’original",
    downloading: (loaded, total) => `Téléchargement : ${loaded} Mo sur ${total}.`,
    starting: "Démarrage…",
    translating: "Traduction sur votre appareil…",
    translated: (language) => `Traduction automatique de la langue « ${language} », faite sur votre appareil.`,
    hover: "Pointez un texte pour voir l’original.",
    saveData: "Votre navigateur demande d’économiser les données.",
    insecure: "Cette page n’est pas servie en https : le modèle ne peut pas être gardé et sera téléchargé à chaque visite.",
    noSimd: "Ce navigateur est trop ancien pour traduire ici : WebAssembly SIMD lui manque.",
    unavailable: (from) => `Aucun modèle ne traduit ici depuis la langue « ${from} ».`,
    failed: (reason) => `Page non traduite : ${reason}.`,
    original: "Original",
  },
};

/**
 * The strings in the first of `languages` that is here, and which that is.
 *
 * @param {readonly string[]} languages BCP 47, the best first
 */
export function stringsFor(languages) {
  const found = languages.map((tag) => tag.split("-")[0]).find((language) => language in STRINGS) ?? "en";
  return { language: found, strings: STRINGS[found] };
}
