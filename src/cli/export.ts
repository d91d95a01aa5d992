import { readFileSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { UaferError } from '../errors.js';
import { type ExportPrecision, exportModel } from '../export/exportModel.js';
import { addCalibrationOption, type CalibrationOptions, calibrationOf } from './calibrationOption.js';
import { checkpointConfig, SETTINGS_OF_A_MODEL } from './checkpointConfig.js';
import { addConfigOptions, configValues, type OptionValues } from './configOptions.js';
import { notes, printJson, type Verbosity } from './output.js';

interface ExportCommandOptions extends Verbosity, CalibrationOptions {
  to: string;
  precision: ExportPrecision;
  config?: string;
  recipe?: string;
  allowLoss?: boolean;
  name?: string;
  card?: string;
  licence?: string;
}

export function addExport(command: Command): void {
  command
    .argument('<checkpoint>', 'a run, its checkpoint, a fine-tuned .pth or .safetensors, or CLIP weights (zero-shot)')
    .requiredOption('--to <folder>', 'the folder to make: model.onnx, model.json and a card')
    .addOption(
      new Option(
        '--precision <name>',
        'fp16 halves the file; int8 quarters it, and is faster where the processor has 8-bit products',
      )
        .choices(['fp32', 'fp16', 'int8'])
        .default('fp32'),
    )
    .option('--name <text>', "the model's name; by default the folder's")
    .option('--licence <text>', 'of the weights, as model.json and the card say it')
    .option(
      '--card <path>',
      'Markdown that the card shows after its figures: what the model was made from, what it must not be used for',
    )
    .option('--allow-loss', 'export although it differs from the checkpoint by more than rounding, or loses over half a point')
    .option('--config <path>', "settings in YAML; the run's own when the checkpoint belongs to a run")
    .option('--quiet', 'print nothing but errors')
    .option('--json', 'print model.json and the comparison as one line of JSON');
  addCalibrationOption(command);
  // What is exported is compared in single precision; `--precision` is the export's.
  addConfigOptions(command, (path) => path !== 'precision' && SETTINGS_OF_A_MODEL.test(path));
  command
    .addHelpText(
      'after',
      `
The export is compared at once with libtorch on real pictures: the data set's test pictures where they are there, else a few faces of the
package. One that differs by more than rounding, or loses over half a point of accuracy, is refused.

Examples:
  uafer export runs/rafdb --to models/rafdb
  uafer export runs/rafdb --to models/rafdb-small --precision fp16
  uafer export ViT-B-16.pt --to models/zero-shot --dataset rafdb --prompt "a photo of a {class} facial expression."`,
    )
    .action((checkpoint: string, options: ExportCommandOptions & OptionValues) => exportCommand(checkpoint, options));
}

async function exportCommand(checkpoint: string, options: ExportCommandOptions & OptionValues): Promise<void> {
  const note = notes(options);
  const config = checkpointConfig(checkpoint, { ...options, values: { ...configValues(options), precision: 'fp32' } }, note);
  const { to, precision, allowLoss = false, name, card, licence } = options;
  const { folder, model, comparison } = await exportModel({
    checkpoint,
    config,
    to,
    precision,
    allowLoss,
    calibration: calibrationOf(checkpoint, options, note),
    remarks: card === undefined ? undefined : readRemarks(card),
    ...(name !== undefined && { name }),
    ...(licence !== undefined && { licence }),
    onNote: note,
  });
  note(`Wrote ${folder}: ${(model.network.bytes / 1e6).toFixed(1)} MB, ${precision}. Try: uafer predict --model ${to} PHOTO`);
  if (options.json) printJson({ folder, model, comparison });
}

function readRemarks(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new UaferError('USAGE', `--card: ${path} cannot be read: expected a Markdown file`, { cause });
  }
}
