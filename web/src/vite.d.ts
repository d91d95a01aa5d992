/// <reference types="vite/client" />

/** Of package.json. */
declare const PACKAGE_VERSION: string;
