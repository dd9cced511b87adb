// @ts-check
/**
 * Whether this browser's WebGPU can run the engine at all, asked before anything is downloaded for it,
 * and a watch over the devices that the engine opens later.
 */

/** What the GPU backend needs: without it, it panics while it opens the device. */
const NEEDED_FEATURES = ["timestamp-query"];
const NEEDED_LIMITS = { maxStorageBuffersPerShaderStage: 8, maxComputeInvocationsPerWorkgroup: 256 };

/**
 * What stands against WebGPU here, in words, or null.
 *
 * @param {boolean} forced a person asked for WebGPU: then a software adapter will do
 * @returns {Promise<string | null>}
 */
export async function findAdapterFault(forced) {
  const gpu = /** @type {any} */ (navigator).gpu;
  if (!gpu) return "this browser offers no WebGPU";
  let adapter;
  try {
    adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
  } catch (error) {
    return `the browser refused a graphics adapter: ${error}`;
  }
  if (!adapter) return "WebGPU found no graphics adapter";
  const isSoftware = adapter.info?.isFallbackAdapter ?? adapter.isFallbackAdapter ?? false;
  if (isSoftware && !forced) return "the graphics adapter is emulated in software";
  for (const feature of NEEDED_FEATURES) {
    if (!adapter.features.has(feature)) return `the graphics adapter lacks ${feature}`;
  }
  for (const [limit, wanted] of Object.entries(NEEDED_LIMITS)) {
    if (adapter.limits[limit] < wanted) {
      return `the graphics adapter allows ${adapter.limits[limit]} for ${limit}, ${wanted} are needed`;
    }
  }
  return null;
}

/**
 * Listens to every device opened from now on. A lost device or an error that nobody caught makes all
 * later numbers untrustworthy, so both are reported as the engine's end.
 *
 * @param {(message: string) => void} onDeath
 * @returns {() => Promise<void>} waits until the devices' submitted work, and its errors, have come back
 */
export function watchDevices(onDeath) {
  const prototype = /** @type {any} */ (globalThis).GPUAdapter.prototype;
  const requestDevice = prototype.requestDevice;
  /** @type {any[]} */
  const devices = [];
  prototype.requestDevice = async function (/** @type {any[]} */ ...args) {
    const device = await requestDevice.apply(this, args);
    devices.push(device);
    device.addEventListener("uncapturederror", (/** @type {any} */ event) => {
      onDeath(`the graphics device reported: ${event.error.message}`);
    });
    device.lost.then((/** @type {any} */ info) => onDeath(`the graphics device was lost: ${info.message || info.reason}`));
    return device;
  };
  return async () => {
    for (const device of devices) await device.queue.onSubmittedWorkDone();
  };
}
