// Trains a VAE on small pictures and writes 64 samples as a PGM image.
//
//	PKG_CONFIG_PATH=... go run examples/ffi/go/main.go
//
// libvae is found by pkg-config, as `make install` leaves it. Goroutines move between threads of the operating system, and
// the text of a failure belongs to the thread of the call; so check runs the call and reads its text on one thread.
package main

/*
#cgo pkg-config: vae
#include <stdlib.h>
#include <vae.h>
*/
import "C"

import (
	"fmt"
	"log"
	"os"
	"runtime"
	"unsafe"
)

// check makes a call and returns its failure as an error, with the text of the thread that made it.
func check(call func() C.vae_status) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if status := call(); status < 0 {
		return fmt.Errorf("%s: %s", C.GoString(C.vae_status_name(status)), C.GoString(C.vae_last_error()))
	}
	return nil
}

// text is a C string that lives until the program ends: options are few and short.
func text(s string) *C.char { return C.CString(s) }

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func main() {
	const side, n = 32, 64
	var context *C.vae_context
	var data *C.vae_dataset
	var model *C.vae_model
	var optimizer *C.vae_optimizer
	must(check(func() C.vae_status { return C.vae_context_create(text("threads=2"), &context) }))
	defer C.vae_context_destroy(context)
	must(check(func() C.vae_status {
		return C.vae_dataset_open(context, text("sprites:2000"), text("batch=100"), &data)
	}))
	defer C.vae_dataset_destroy(data)
	must(check(func() C.vae_status {
		return C.vae_model_create(context, text("input=1x32x32 latent=8 likelihood=bernoulli "+
			"encoder=[dense 128, relu] decoder=[dense 128, relu]"), &model)
	}))
	defer C.vae_model_destroy(model)
	must(check(func() C.vae_status { return C.vae_model_initialize(model, data) }))
	must(check(func() C.vae_status { return C.vae_optimizer_create(model, text("adam lr=2e-3"), &optimizer) }))
	defer C.vae_optimizer_destroy(optimizer)

	report := C.vae_step_report{struct_size: C.uint32_t(unsafe.Sizeof(C.vae_step_report{}))}
	for epoch := C.uint64_t(0); epoch < 20; {
		must(check(func() C.vae_status { return C.vae_step(model, optimizer, data, &report) }))
		if report.flags&C.VAE_STEP_EPOCH_END != 0 {
			epoch = report.epoch
			fmt.Printf("epoch %d: ELBO %.2f nats\n", epoch, report.elbo)
		}
	}

	images := make([]float32, n*side*side)
	must(check(func() C.vae_status {
		return C.vae_sample(model, n, 1, nil, (*C.float)(unsafe.Pointer(&images[0])), nil)
	}))
	must(os.WriteFile("samples.pgm", grid(images, 8, side), 0o644))
	fmt.Println("samples.pgm")
}

// grid lays out square images of one value a pixel in rows of `columns`, as a binary PGM.
func grid(images []float32, columns, side int) []byte {
	width, height := columns*side, len(images)/columns/side
	out := []byte(fmt.Sprintf("P5 %d %d 255\n", width, height))
	for y := 0; y < height; y++ {
		for x := 0; x < width; x++ {
			image := y/side*columns + x/side
			out = append(out, byte(255*images[(image*side+y%side)*side+x%side]+0.5))
		}
	}
	return out
}
