import { existsSync } from 'node:fs';
import { UaferError } from '../errors.js';
import { addonPath, LIBTORCH_VERSION, type Libtorch, type LibtorchSearch, searchLibtorch } from './locate.js';
import { cpuCapability, deviceAvailable, libtorchVersions, productsByOneDnn, threads } from './runtime.js';

/** What `uafer doctor` says about the engine. */
export interface EngineReport {
  /** The libtorch release that this version of uafer needs. */
  needed: string;
  libtorch: Libtorch | null;
  /** Each libtorch that was seen and not used, and why. */
  passedOver: string[];
  addon: { path: string; built: boolean } | null;
  /** What the loaded engine says of itself. */
  loaded: {
    versions: { built: string; loaded: string };
    devices: string[];
    threads: number;
    cpuCapability: string;
    productsByOneDnn: boolean;
  } | null;
  /** What stops the engine, with the remedy; null when it works. */
  problem: string | null;
}

/** Looks for the engine and loads it. Never throws a `UaferError`: what it would say becomes `problem`. */
export function diagnoseEngine(): EngineReport {
  const report: EngineReport = {
    needed: LIBTORCH_VERSION,
    libtorch: null,
    passedOver: [],
    addon: null,
    loaded: null,
    problem: null,
  };
  try {
    const { found, passedOver }: LibtorchSearch = searchLibtorch();
    report.libtorch = found;
    report.passedOver = passedOver;
    if (found) report.addon = { path: addonPath(found), built: existsSync(addonPath(found)) };
    report.loaded = {
      versions: libtorchVersions(),
      devices: ['cpu', 'cuda', 'mps'].filter(deviceAvailable),
      threads: threads(),
      cpuCapability: cpuCapability(),
      productsByOneDnn: productsByOneDnn(),
    };
  } catch (error) {
    if (!(error instanceof UaferError)) throw error;
    report.problem = error.message;
  }
  return report;
}
