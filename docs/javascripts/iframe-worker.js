/* Search in pages opened from disk, where browsers refuse workers: the worker's script runs in a hidden frame instead.
   The plugin `offline` of the theme would load such a script, of this name, from elsewhere. */
if (location.protocol === "file:")
  window.Worker = class extends EventTarget {
    constructor(address) {
      super();
      const frame = document.createElement("iframe");
      frame.hidden = true;
      document.body.append(frame);
      const inside = frame.contentWindow;
      inside.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
      const script = inside.document.createElement("script");
      script.src = address;
      this.inside = new Promise((resolve) => (script.onload = () => resolve(inside)));
      inside.document.body.append(script);
    }

    postMessage(data) {
      this.inside.then((inside) => inside.dispatchEvent(new MessageEvent("message", { data })));
    }
  };
